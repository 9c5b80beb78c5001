// A closed-loop load client for benchmarks: C keep-alive connections on one epoll thread, each sending its next request
// when the last answer is whole. Prints one JSON object: answers, errors, requests per second, latency percentiles (µs)
// to the first byte and to the last.
//
//   load HOST:PORT --connections C --seconds S [--requests N] [--mode json|burst|paced] [--key KEY] [--path P] [--model M]
//                  [--header "name: value"]...
#include <algorithm>
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
#include <vector>

namespace {

long now_ns() {
    timespec ts{};
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1'000'000'000L + ts.tv_nsec;
}

struct Connection {
    int fd = -1;
    std::string in;
    long started = 0;
    bool first_seen = false;
    std::size_t body_at = 0; // offset of the body in `in`; 0 = head not complete
    long content_length = -1;
    bool chunked = false;
};

std::string request;
sockaddr_in target{};
int epoll_fd = -1;
std::vector<unsigned> first_us, last_us;
long answers = 0, errors = 0, statuses_not_200 = 0, bytes = 0;

void connect_one(Connection& c) {
    if (c.fd >= 0) ::close(c.fd);
    c = Connection{};
    c.fd = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(c.fd, reinterpret_cast<sockaddr*>(&target), sizeof target) != 0) {
        std::perror("load: connect");
        std::exit(1);
    }
    int const on = 1;
    setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void watch(Connection& c) {
    epoll_event ev{.events = EPOLLIN, .data = {.ptr = &c}};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c.fd, &ev);
}

void send_request(Connection& c) {
    c.in.clear();
    c.first_seen = false;
    c.body_at = 0;
    c.content_length = -1;
    c.chunked = false;
    c.started = now_ns();
    if (::send(c.fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) ++errors;
}

/// True when the answer in c.in is whole.
bool complete(Connection& c) {
    if (c.body_at == 0) {
        auto const end = c.in.find("\r\n\r\n");
        if (end == std::string::npos) return false;
        c.body_at = end + 4;
        for (std::size_t at = 0; at < end;) {
            auto const eol = c.in.find("\r\n", at);
            if (strncasecmp(c.in.c_str() + at, "content-length:", 15) == 0) c.content_length = std::atol(c.in.c_str() + at + 15);
            if (strncasecmp(c.in.c_str() + at, "transfer-encoding:", 18) == 0) c.chunked = true;
            at = eol + 2;
        }
    }
    if (c.chunked) return c.in.size() >= c.body_at + 5 && std::string_view(c.in).ends_with("0\r\n\r\n");
    return c.content_length >= 0 && c.in.size() >= c.body_at + static_cast<std::size_t>(c.content_length);
}

unsigned percentile(std::vector<unsigned>& values, unsigned per_mille) {
    if (values.empty()) return 0;
    auto const at = std::min(values.size() - 1, values.size() * per_mille / 1000);
    std::nth_element(values.begin(), values.begin() + static_cast<long>(at), values.end());
    return values[at];
}

} // namespace

int main(int argc, char** argv) {
    std::string address, mode = "json", headers, key, path = "/v1/chat/completions", model = "gpt-4o-mini";
    std::size_t connections = 64;
    long seconds = 5, limit = 0;
    if (argc > 1) address = argv[1];
    for (int i = 2; i + 1 < argc; i += 2) {
        std::string_view const name = argv[i];
        std::string const value = argv[i + 1];
        if (name == "--connections") connections = std::strtoul(value.c_str(), nullptr, 10);
        else if (name == "--seconds") seconds = std::atol(value.c_str());
        else if (name == "--requests") limit = std::atol(value.c_str());
        else if (name == "--mode") mode = value;
        else if (name == "--key") key = value;
        else if (name == "--path") path = value;
        else if (name == "--model") model = value;
        else if (name == "--header") headers += value + "\r\n";
        else {
            std::fprintf(stderr, "load: unknown option %s\n", argv[i]);
            return 2;
        }
    }
    auto const colon = address.rfind(':');
    if (colon == std::string::npos) {
        std::fprintf(stderr, "usage: load HOST:PORT [options]\n");
        return 2;
    }
    target.sin_family = AF_INET;
    target.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.c_str() + colon + 1)));
    inet_pton(AF_INET, address.substr(0, colon).c_str(), &target.sin_addr);
    std::string const body = "{\"model\":\"" + model + (mode == "paced" ? "-paced" : "") +
        "\",\"messages\":[{\"role\":\"system\",\"content\":\"You are a helpful assistant that answers in one sentence.\"},"
        "{\"role\":\"user\",\"content\":\"Tell me about foxes, dogs, boxes, jugs, zebras and a sphinx, please, in order.\"}],"
        "\"max_tokens\":200,\"temperature\":0.7" + (mode == "json" ? "" : ",\"stream\":true,\"stream_options\":{\"include_usage\":true}") + "}";
    request = "POST " + path + " HTTP/1.1\r\nhost: " + address + "\r\ncontent-type: application/json\r\nauthorization: Bearer " + key +
              "\r\n" + headers + "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;

    epoll_fd = epoll_create1(0);
    std::vector<Connection> all(connections);
    for (auto& c : all) {
        connect_one(c);
        watch(c);
    }
    long const begin = now_ns(), end = begin + seconds * 1'000'000'000L;
    for (auto& c : all) send_request(c);
    std::vector<epoll_event> events(1024);
    std::vector<char> buffer(256 * 1024);
    bool more = true;
    while (more || now_ns() < end) {
        int const n = epoll_wait(epoll_fd, events.data(), static_cast<int>(events.size()), 100);
        long const now = now_ns();
        more = now < end && (limit == 0 || answers < limit);
        for (int i = 0; i < n; ++i) {
            auto& c = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
            auto const got = ::recv(c.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (got < 0 && errno == EAGAIN) continue;
            if (got <= 0) {
                ++errors;
                connect_one(c);
                watch(c);
                if (more) send_request(c);
                continue;
            }
            bytes += got;
            long const at = now_ns();
            if (!c.first_seen) {
                c.first_seen = true;
                first_us.push_back(static_cast<unsigned>((at - c.started) / 1000));
            }
            c.in.append(buffer.data(), static_cast<std::size_t>(got));
            if (!complete(c)) continue;
            ++answers;
            if (c.in.compare(9, 3, "200") != 0) {
                if (++statuses_not_200 == 1) std::fprintf(stderr, "load: first answer that is not 200: %.600s\n", c.in.c_str());
            }
            last_us.push_back(static_cast<unsigned>((at - c.started) / 1000));
            if (more) send_request(c);
        }
        if (!more) break;
    }
    double const elapsed = static_cast<double>(now_ns() - begin) / 1e9;
    std::printf("{\"answers\":%ld,\"errors\":%ld,\"not_200\":%ld,\"seconds\":%.3f,\"rps\":%.0f,\"bytes\":%ld,"
                "\"first_us\":{\"p50\":%u,\"p90\":%u,\"p99\":%u},\"last_us\":{\"p50\":%u,\"p90\":%u,\"p99\":%u}}\n",
                answers, errors, statuses_not_200, elapsed, static_cast<double>(answers) / elapsed, bytes, percentile(first_us, 500),
                percentile(first_us, 900), percentile(first_us, 990), percentile(last_us, 500), percentile(last_us, 900), percentile(last_us, 990));
    return 0;
}
