#include "net/wire/sweeper.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/wire/time.hpp"

namespace tollgate::net {
namespace {
constexpr std::chrono::milliseconds sweep_period{100};
}

struct Sweeper::Timer {
    explicit Timer(asio::io_context& io) : timer(io) {}
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                               asio::io_context::executor_type>
        timer;
};

Timed::~Timed() {
    if (sweeper_ != nullptr) sweeper_->remove(*this);
}

Sweeper::Sweeper(asio::io_context& io) : io_(io), timer_(std::make_unique<Timer>(io)) {}

Sweeper::~Sweeper() {
    while (first_ != nullptr) remove(*first_);
}

void Sweeper::add(Timed& item) {
    item.sweeper_ = this;
    item.previous_ = nullptr;
    item.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &item;
    first_ = &item;
    if (!armed_) arm();
}

void Sweeper::remove(Timed& item) noexcept {
    if (cursor_ == &item) cursor_ = item.next_;
    if (item.previous_ != nullptr) item.previous_->next_ = item.next_;
    if (item.next_ != nullptr) item.next_->previous_ = item.previous_;
    if (first_ == &item) first_ = item.next_;
    item.sweeper_ = nullptr;
}

void Sweeper::stop() noexcept { timer_.reset(); }

void Sweeper::arm() {
    if (timer_ == nullptr) return;
    armed_ = true;
    timer_->timer.expires_after(sweep_period);
    timer_->timer.async_wait([this](boost::system::error_code ec) {
        if (ec) return;
        armed_ = false;
        sweep();
        if (first_ != nullptr && !armed_) arm();
    });
}

void Sweeper::sweep() noexcept {
    auto const now = coarse_ns();
    for (cursor_ = first_; cursor_ != nullptr;) {
        Timed& item = *cursor_;
        cursor_ = item.next_;
        item.on_sweep(now);
    }
}

} // namespace tollgate::net
