#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/disk.hpp"

namespace tollgate::journal {

namespace {

Fail io_error(std::string const& what, std::string const& where, int error) {
    std::string message = "cannot " + what + " '" + where + "': " + std::strerror(error);
    if (error == ENOSPC || error == EDQUOT)
        message += "; free some space on that disk";
    return fail(error == ENOENT ? Errc::not_found : Errc::unavailable, std::move(message));
}

class PosixFile final : public File {
public:
    PosixFile(int fd, std::string name, std::size_t size) : fd_(fd), name_(std::move(name)), size_(size) {}
    ~PosixFile() override {
        if (map_ != nullptr)
            ::munmap(map_, mapped_);
        ::close(fd_);
    }
    std::size_t size() const noexcept override { return size_; }

    Result<std::span<char>> map() override {
        if (map_ == nullptr) {
            void* const p = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
            if (p == MAP_FAILED)
                return io_error("map", name_, errno);
            map_ = static_cast<char*>(p);
            mapped_ = size_;
        }
        return std::span<char>(map_, mapped_);
    }
    Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
        std::size_t done = 0;
        while (done < into.size()) {
            ssize_t const n =
                ::pread(fd_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return io_error("read", name_, errno);
            if (n == 0)
                break;
            done += static_cast<std::size_t>(n);
        }
        return done;
    }
    Result<void> sync() override {
        while (::fdatasync(fd_) != 0)
            if (errno != EINTR)
                return io_error("sync", name_, errno);
        return {};
    }
    Result<void> truncate(std::size_t size) override {
        if (::ftruncate(fd_, static_cast<off_t>(size)) != 0)
            return io_error("truncate", name_, errno);
        size_ = size;
        return {};
    }
    void expect(std::uint64_t from, std::uint64_t to) noexcept override {
        from = from / page * page;
        to = std::min<std::uint64_t>(to, mapped_) / page * page;
        if (map_ != nullptr && from < to)
            ::madvise(map_ + from, to - from, populate_write);
    }
    void forget(std::uint64_t below) noexcept override {
        // Unmapping pages of a shared file keeps their content: the kernel notes that they are dirty.
        std::uint64_t const end = below / page * page;
        if (map_ == nullptr || end < forgotten_ + forget_step)
            return;
        ::madvise(map_ + forgotten_, end - forgotten_, MADV_DONTNEED);
        forgotten_ = end;
    }

private:
    static constexpr std::uint64_t page = 4096;
    static constexpr int populate_write =
        23; // MADV_POPULATE_WRITE (Linux 5.14; older kernels refuse it, harmlessly)
    static constexpr std::uint64_t forget_step = 2 * 1024 * 1024; // one system call per so many bytes
    int fd_;
    std::string name_;
    std::size_t size_;
    char* map_ = nullptr;
    std::size_t mapped_ = 0;
    std::uint64_t forgotten_ = page; // the first page has the header, which is touched by every sync
};

class PosixLock final : public DiskLock {
public:
    explicit PosixLock(int fd) : fd_(fd) {}
    ~PosixLock() override { ::close(fd_); }

private:
    int fd_;
};

Result<void> make_directories(std::string const& path) {
    for (std::size_t at = 1; at <= path.size(); ++at) {
        if (at != path.size() && path[at] != '/')
            continue;
        std::string const part = path.substr(0, at);
        if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
            int const error = errno;
            return fail(Errc::unavailable,
                        "cannot make the folder '" + part + "': " + std::strerror(error) +
                            "; make it writable for this user or choose another with --data");
        }
    }
    return {};
}

} // namespace

Result<std::unique_ptr<PosixDisk>> PosixDisk::open_directory(std::string path) {
    while (path.size() > 1 && path.back() == '/')
        path.pop_back();
    if (auto made = make_directories(path); !made)
        return Fail(made.error());
    int const fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return io_error("open the folder", path, errno);
    if (::faccessat(fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
        ::close(fd);
        return fail(Errc::unavailable,
                    "the folder '" + path +
                        "' is not writable: change its owner or choose another with --data");
    }
    return std::unique_ptr<PosixDisk>(new PosixDisk(std::move(path), fd));
}

PosixDisk::~PosixDisk() {
    ::close(fd_);
}

Result<std::unique_ptr<File>> PosixDisk::create(std::string const& name, std::size_t size) {
    std::string const full = path_ + "/" + name;
    int const fd = ::openat(fd_, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_error("create", full, errno);
    auto file = std::make_unique<PosixFile>(fd, full, size);
    if (int const error = ::posix_fallocate(fd, 0, static_cast<off_t>(size)); error != 0) {
        ::unlinkat(fd_, name.c_str(), 0);
        return io_error("allocate " + std::to_string(size) + " bytes for", full, error);
    }
    return file;
}

Result<std::unique_ptr<File>> PosixDisk::open(std::string const& name) {
    std::string const full = path_ + "/" + name;
    int const fd = ::openat(fd_, name.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return io_error("open", full, errno);
    struct stat info {};
    if (::fstat(fd, &info) != 0) {
        int const error = errno;
        ::close(fd);
        return io_error("read the size of", full, error);
    }
    return std::make_unique<PosixFile>(fd, full, static_cast<std::size_t>(info.st_size));
}

Result<void> PosixDisk::rename(std::string const& from, std::string const& to) {
    if (::renameat(fd_, from.c_str(), fd_, to.c_str()) != 0)
        return io_error("rename", path_ + "/" + from, errno);
    return {};
}

Result<void> PosixDisk::remove(std::string const& name) {
    if (::unlinkat(fd_, name.c_str(), 0) != 0)
        return io_error("remove", path_ + "/" + name, errno);
    return {};
}

Result<std::vector<std::string>> PosixDisk::list() {
    int const copy = ::openat(fd_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* const dir = copy < 0 ? nullptr : ::fdopendir(copy);
    if (dir == nullptr) {
        int const error = errno;
        if (copy >= 0)
            ::close(copy);
        return io_error("list the folder", path_, error);
    }
    std::vector<std::string> names;
    while (dirent const* entry = ::readdir(dir)) {
        std::string name = entry->d_name;
        if (name != "." && name != "..")
            names.push_back(std::move(name));
    }
    ::closedir(dir);
    std::sort(names.begin(), names.end());
    return names;
}

Result<void> PosixDisk::sync_directory() {
    if (::fsync(fd_) != 0)
        return io_error("sync the folder", path_, errno);
    return {};
}

Result<std::unique_ptr<DiskLock>> PosixDisk::lock(std::string const& name) {
    std::string const full = path_ + "/" + name;
    int const fd = ::openat(fd_, name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_error("create", full, errno);
    auto lock = std::make_unique<PosixLock>(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        char pid[32] = {};
        ssize_t const n = ::pread(fd, pid, sizeof pid - 1, 0);
        std::string who(pid, n > 0 ? static_cast<std::size_t>(n) : 0);
        if (auto const end = who.find('\n'); end != std::string::npos)
            who.resize(end);
        return fail(Errc::conflict, "the folder '" + path_ + "' is in use by another tollgate process (pid " +
                                        (who.empty() ? "unknown" : who) +
                                        "): stop that one first, or choose another folder with --data");
    }
    std::string const text = std::to_string(::getpid()) + "\n";
    if (::ftruncate(fd, 0) != 0 ||
        ::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
        return io_error("write", full, errno);
    return lock;
}

} // namespace tollgate::journal
