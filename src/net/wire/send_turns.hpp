#pragma once
// Sends of one I/O thread, side by side. Each send into a sleeping peer's socket wakes its process, which costs more
// than the send itself; a peer that finds one message after the other stays awake. So on a busy thread a message waits
// until the events at hand have been looked at, and goes out with the others. Nothing waits for time to pass: on a
// quiet thread a message goes out at once.
//
// Written against boost::asio::detail like edge_read.hpp.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/detail/scheduler.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

namespace tollgate::net {

namespace asio = boost::asio;

/// One per io_context (asio::use_service), on its single thread.
class SendTurns final : public asio::detail::execution_context_service_base<SendTurns> {
public:
    explicit SendTurns(asio::execution_context& context);

    /// False: send now. True: `co_await next()` first. Cheap.
    bool worthwhile() noexcept {
        if (direct_ == 0) return true;
        --direct_;
        return false;
    }
    /// Resumes after the events that had arrived before. Not cancelled by itself: a connection closed meanwhile shows
    /// when it is written to.
    asio::awaitable<void> next();

private:
    using Handler = asio::detail::awaitable_handler<asio::any_io_executor>;
    /// Stands in the scheduler's queue behind the events at hand.
    struct Operation final : asio::detail::scheduler_operation {
        explicit Operation(SendTurns& owner) : scheduler_operation(&Operation::do_complete), turns(owner) {}
        static void do_complete(void* owner, asio::detail::operation* base, boost::system::error_code const&, std::size_t);
        SendTurns& turns;
    };
    void start(Handler handler);
    void run();
    void shutdown() override;

    asio::detail::scheduler& scheduler_;
    Operation operation_{*this};
    std::vector<Handler> waiting_;
    std::vector<Handler> running_;
    int direct_ = 0; ///< so many sends do not wait, because waiting brought nothing together lately
};

} // namespace tollgate::net
