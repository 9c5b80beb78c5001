#include "net/testing/loopback.hpp"

#include <arpa/inet.h>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace tollgate::net::testing {
namespace {

sockaddr_in loopback(unsigned short port) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
}

int listen_somewhere(unsigned short& port) {
    int const fd = ::socket(AF_INET, SOCK_STREAM, 0);
    auto at = loopback(0);
    socklen_t size = sizeof at;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || ::listen(fd, 64) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0)
        throw std::runtime_error("cannot listen on loopback");
    port = ntohs(at.sin_port);
    return fd;
}

} // namespace

RawSocket RawSocket::connect_to(unsigned short port) {
    int const fd = ::socket(AF_INET, SOCK_STREAM, 0);
    auto at = loopback(port);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) {
        ::close(fd);
        throw std::runtime_error("cannot connect");
    }
    int const on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    timeval const limit{20, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return RawSocket(fd);
}

bool RawSocket::send(std::string_view bytes) {
    while (!bytes.empty()) {
        auto const n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

std::string RawSocket::read_some(std::size_t max) {
    if (!kept_.empty()) {
        auto out = kept_.substr(0, max);
        kept_.erase(0, out.size());
        return out;
    }
    std::string out(max, '\0');
    auto const n = ::recv(fd_, out.data(), out.size(), 0);
    out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return out;
}

std::string RawSocket::read_until(std::string_view ending) {
    std::string all;
    for (;;) {
        auto const more = read_some();
        if (more.empty()) return all;
        all += more;
        if (auto const at = all.find(ending); at != std::string::npos) {
            kept_ = all.substr(at + ending.size()) + kept_;
            all.resize(at + ending.size());
            return all;
        }
    }
}

std::string RawSocket::read_exactly(std::size_t size) {
    std::string all;
    while (all.size() < size) {
        auto const more = read_some(size - all.size());
        if (more.empty()) break;
        all += more;
    }
    return all;
}

std::string RawSocket::read_to_end() {
    std::string all;
    for (;;) {
        auto const more = read_some();
        if (more.empty()) return all;
        all += more;
    }
}

std::string RawSocket::read_response() {
    auto head = read_until("\r\n\r\n");
    auto const at = head.find("content-length: ");
    if (at == std::string::npos) return head;
    return head + read_exactly(static_cast<std::size_t>(std::atoll(head.c_str() + at + 16)));
}

void RawSocket::shutdown_send() { ::shutdown(fd_, SHUT_WR); }

void RawSocket::reset() {
    linger const now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
}

void RawSocket::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

FakeUpstream::FakeUpstream(Script script) : script_(std::move(script)) {
    listener_ = listen_somewhere(port_);
    thread_ = std::thread([this] {
        for (;;) {
            int const fd = ::accept(listener_, nullptr, nullptr);
            if (fd < 0) return;
            int const number = count_++;
            timeval const limit{20, 0};
            ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
            int const on = 1;
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            sessions_.emplace_back([this, fd, number] {
                RawSocket socket(fd);
                script_(socket, number);
            });
        }
    });
}

FakeUpstream::~FakeUpstream() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    for (auto& session : sessions_) session.join();
}

unsigned short unused_port() {
    unsigned short port = 0;
    ::close(listen_somewhere(port));
    return port;
}

} // namespace tollgate::net::testing
