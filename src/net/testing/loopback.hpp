#pragma once
// Plain blocking sockets for tests: the other end of what is tested, byte by byte under the test's control.
#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tollgate::net::testing {

/// A blocking TCP connection. Reads give up after 20 s, so that a broken test ends.
class RawSocket {
public:
    explicit RawSocket(int fd) : fd_(fd) {}
    static RawSocket connect_to(unsigned short port);
    RawSocket(RawSocket&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    ~RawSocket() { close(); }
    RawSocket& operator=(RawSocket&&) = delete;

    bool send(std::string_view bytes);
    /// Some bytes; "" at the end of the stream, on a reset or after 20 s.
    std::string read_some(std::size_t max = 65536);
    /// Until `ending` has been seen or the stream ended.
    std::string read_until(std::string_view ending);
    std::string read_exactly(std::size_t size);
    std::string read_to_end();
    /// One response: head and as much body as content-length says.
    std::string read_response();
    void shutdown_send();
    /// Closes with a reset.
    void reset();
    void close();
    int fd() const { return fd_; }

private:
    int fd_;
    std::string kept_; ///< read, but beyond what was asked for
};

/// Listens on a free port and hands each connection, one after the other, to `script` on its own thread.
class FakeUpstream {
public:
    using Script = std::function<void(RawSocket& socket, int connection)>;
    explicit FakeUpstream(Script script);
    ~FakeUpstream();
    unsigned short port() const { return port_; }
    int connections() const { return count_.load(); }

private:
    std::atomic<int> count_{0};
    int listener_ = -1;
    unsigned short port_ = 0;
    Script script_;
    std::thread thread_;
    std::vector<std::thread> sessions_;
};

/// A port nobody listens on.
unsigned short unused_port();

} // namespace tollgate::net::testing
