#pragma once
// Deadlines without timers: arming a timer per request or chunk costs more than the request's own work, so each
// connection keeps plain deadline fields, and one timer per thread looks at all of them ten times a second.
#include <cstdint>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace tollgate::net {

namespace asio = boost::asio;
class Sweeper;

/// Something with deadlines. On its thread only; unlinks itself when destroyed.
class Timed {
public:
    Timed() = default;
    Timed(Timed const&) = delete;
    Timed& operator=(Timed const&) = delete;

protected:
    ~Timed();

private:
    friend class Sweeper;
    /// `now_ns` as coarse_ns(). May destroy this object and others.
    virtual void on_sweep(std::int64_t now_ns) noexcept = 0;
    Sweeper* sweeper_ = nullptr;
    Timed* previous_ = nullptr;
    Timed* next_ = nullptr;
};

/// One per thread. The timer only runs while something is registered: an idle process sleeps.
class Sweeper {
public:
    explicit Sweeper(asio::io_context& io);
    ~Sweeper();
    Sweeper(Sweeper const&) = delete;
    Sweeper& operator=(Sweeper const&) = delete;

    void add(Timed& item);
    void remove(Timed& item) noexcept;
    /// Gives up the timer; must be called before the io_context is destroyed. Items may still unlink afterwards.
    void stop() noexcept;

private:
    struct Timer;
    void arm();
    void sweep() noexcept;
    asio::io_context& io_;
    std::unique_ptr<Timer> timer_;
    Timed* first_ = nullptr;
    Timed* cursor_ = nullptr; ///< the next item of a sweep under way
    bool armed_ = false;
};

} // namespace tollgate::net
