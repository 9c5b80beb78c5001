// A provider stand-in for benchmarks: answers OpenAI-shaped chat completions from pre-rendered bytes, so that it is
// never the bottleneck (one epoll thread, over 100k answers a second on one core).
//
//   standin PORT [--pace-ms 2]
//
// By what the request body contains: nothing special → a ~650-byte JSON answer; `"stream":true` → a stream of 66 chunks
// at once; `"stream":true` with a model whose name contains "paced" → the same, one chunk every --pace-ms.
#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>

namespace {

struct Connection {
    std::string in;
    std::string out; // what the socket did not take at once
    int paced_next = -1; // index of the next paced chunk; -1 = no paced stream
    long due_ms = 0;
};

std::string json_answer;
std::string stream_head;
std::vector<std::string> stream_chunks;
std::string burst;
int pace_ms = 2;
int epoll_fd = -1;
std::unordered_map<int, Connection> connections;
std::vector<int> paced; // descriptors with a paced stream open

long now_ms() {
    timespec ts{};
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000L + ts.tv_nsec / 1'000'000;
}

std::string chunked(std::string const& data) {
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", data.size());
    return size + data + "\r\n";
}

void render() {
    std::string const id = "chatcmpl-bench00000000000000000000";
    std::string body = R"({"id":")" + id + R"(","object":"chat.completion","created":1790000000,"model":"gpt-4o-mini-2024-07-18",)"
        R"("choices":[{"index":0,"message":{"role":"assistant","content":")";
    body += std::string("The quick brown fox jumps over the lazy dog. ") + "Pack my box with five dozen liquor jugs. " +
            "How vexingly quick daft zebras jump! " + "Sphinx of black quartz, judge my vow.";
    body += R"(","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":42,"completion_tokens":37,)"
            R"("total_tokens":79,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":)"
            R"({"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},)"
            R"("service_tier":"default","system_fingerprint":"fp_bench"})";
    json_answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    stream_head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
    for (int i = 0; i < 63; ++i)
        stream_chunks.push_back(chunked(R"(data: {"id":")" + id + R"(","object":"chat.completion.chunk","created":1790000000,)"
            R"("model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]})" "\n\n"));
    stream_chunks.push_back(chunked(R"(data: {"id":")" + id + R"(","object":"chat.completion.chunk","created":1790000000,)"
        R"("model":"gpt-4o-mini","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})" "\n\n"));
    stream_chunks.push_back(chunked(R"(data: {"id":")" + id + R"(","object":"chat.completion.chunk","created":1790000000,)"
        R"("model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":42,"completion_tokens":63,"total_tokens":105,)"
        R"("prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}})" "\n\n"));
    stream_chunks.push_back(chunked("data: [DONE]\n\n") + "0\r\n\r\n");
    burst = stream_head;
    for (auto const& chunk : stream_chunks) burst += chunk;
}

void send_all(int fd, Connection& c, std::string_view bytes) {
    if (c.out.empty()) {
        auto const n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
        if (bytes.empty()) return;
        epoll_event ev{.events = EPOLLIN | EPOLLOUT, .data = {.fd = fd}};
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &ev);
    }
    c.out.append(bytes);
}

void close_connection(int fd) {
    connections.erase(fd);
    ::close(fd);
}

void answer_requests(int fd, Connection& c) {
    for (;;) {
        auto const head_end = c.in.find("\r\n\r\n");
        if (head_end == std::string::npos) return;
        std::size_t length = 0;
        auto at = c.in.find("ontent-");
        while (at != std::string::npos && at < head_end) {
            if (strncasecmp(c.in.c_str() + at, "ontent-length:", 14) == 0) {
                length = std::strtoul(c.in.c_str() + at + 14, nullptr, 10);
                break;
            }
            at = c.in.find("ontent-", at + 1);
        }
        auto const total = head_end + 4 + length;
        if (c.in.size() < total) return;
        std::string_view const body(c.in.data() + head_end + 4, length);
        bool const stream = body.find("\"stream\":true") != std::string_view::npos;
        if (!stream) {
            send_all(fd, c, json_answer);
        } else if (body.find("paced") == std::string_view::npos) {
            send_all(fd, c, burst);
        } else {
            send_all(fd, c, stream_head + stream_chunks[0]);
            c.paced_next = 1;
            c.due_ms = now_ms() + pace_ms;
            paced.push_back(fd);
        }
        c.in.erase(0, total);
    }
}

void send_due_chunks() {
    auto const now = now_ms();
    for (std::size_t i = 0; i < paced.size();) {
        int const fd = paced[i];
        auto const it = connections.find(fd);
        if (it == connections.end() || it->second.paced_next < 0) {
            paced[i] = paced.back();
            paced.pop_back();
            continue;
        }
        auto& c = it->second;
        if (now >= c.due_ms) {
            send_all(fd, c, stream_chunks[static_cast<std::size_t>(c.paced_next)]);
            c.due_ms += pace_ms;
            if (++c.paced_next == static_cast<int>(stream_chunks.size())) {
                c.paced_next = -1;
                continue;
            }
        }
        ++i;
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: standin PORT [--pace-ms N]\n");
        return 2;
    }
    for (int i = 2; i + 1 < argc; ++i)
        if (std::string_view(argv[i]) == "--pace-ms") pace_ms = std::atoi(argv[i + 1]);
    render();
    int const listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int const on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener, 16384) != 0) {
        std::perror("standin: bind");
        return 1;
    }
    epoll_fd = epoll_create1(0);
    epoll_event ev{.events = EPOLLIN, .data = {.fd = listener}};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &ev);
    std::vector<epoll_event> events(1024);
    std::vector<char> buffer(256 * 1024);
    for (;;) {
        int const n = epoll_wait(epoll_fd, events.data(), static_cast<int>(events.size()), paced.empty() ? -1 : 1);
        for (int i = 0; i < n; ++i) {
            int const fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == listener) {
                for (;;) {
                    int const accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
                    if (accepted < 0) break;
                    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                    epoll_event client{.events = EPOLLIN, .data = {.fd = accepted}};
                    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, accepted, &client);
                    connections[accepted];
                }
                continue;
            }
            auto const it = connections.find(fd);
            if (it == connections.end()) continue;
            auto& c = it->second;
            if (events[static_cast<std::size_t>(i)].events & EPOLLOUT) {
                auto const sent = ::send(fd, c.out.data(), c.out.size(), MSG_NOSIGNAL);
                if (sent > 0) c.out.erase(0, static_cast<std::size_t>(sent));
                if (c.out.empty()) {
                    epoll_event client{.events = EPOLLIN, .data = {.fd = fd}};
                    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &client);
                }
            }
            if (events[static_cast<std::size_t>(i)].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                auto const got = ::recv(fd, buffer.data(), buffer.size(), 0);
                if (got <= 0) {
                    if (got < 0 && errno == EAGAIN) continue;
                    close_connection(fd);
                    continue;
                }
                c.in.append(buffer.data(), static_cast<std::size_t>(got));
                answer_requests(fd, c);
            }
        }
        if (!paced.empty()) send_due_chunks();
    }
}
