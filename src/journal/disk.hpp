#pragma once
// Everything the journal asks of a file system, so that a simulation can lose unsynced pages, tear writes,
// fill the disk or fail a sync. PosixDisk is the real one; SimDisk the simulated one.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace tollgate::journal {

/// An open file of fixed size. Closed when destroyed. One thread at a time, except that `read` and `sync` may
/// run while another thread stores into the mapping.
class File {
public:
    virtual ~File() = default;
    virtual std::size_t size() const noexcept = 0;
    /// The whole file, shared with the kernel: a store is visible to `read` at once and survives the death of
    /// the process, but not a power cut before `sync`. Valid as long as the File. Errors: unavailable.
    virtual Result<std::span<char>> map() = 0;
    /// Reads up to `into.size()` bytes from `offset`; fewer only at the end of the file. Errors: unavailable
    /// (EIO).
    virtual Result<std::size_t> read(std::uint64_t offset, std::span<char> into) = 0;
    /// Makes every store before the call durable. After an error nothing is known of the unsynced part: the
    /// caller must not call it again and hope.
    virtual Result<void> sync() = 0;
    /// Cuts the file to `size` bytes, which must not be more than it has; `map` must not have been called.
    /// Errors: unavailable.
    virtual Result<void> truncate(std::size_t size) = 0;
    /// Hint: [from, to) will be stored into soon. Takes the page faults now, on this thread.
    virtual void expect(std::uint64_t from, std::uint64_t to) noexcept = 0;
    /// Hint: the mapping of [0, below) will not be touched again.
    virtual void forget(std::uint64_t below) noexcept = 0;
};

/// Held until destroyed.
class DiskLock {
public:
    virtual ~DiskLock() = default;
};

/// One flat directory. Names have no slashes.
class Disk {
public:
    virtual ~Disk() = default;
    /// Where it is, for messages.
    virtual std::string path() const = 0;
    /// A new file of `size` zero bytes with every block allocated, so that storing into it cannot run out of
    /// space. Errors: unavailable (disk full, name exists, I/O).
    virtual Result<std::unique_ptr<File>> create(std::string const& name, std::size_t size) = 0;
    /// Errors: not_found, unavailable.
    virtual Result<std::unique_ptr<File>> open(std::string const& name) = 0;
    virtual Result<void> rename(std::string const& from, std::string const& to) = 0;
    virtual Result<void> remove(std::string const& name) = 0;
    /// Names in the directory, sorted.
    virtual Result<std::vector<std::string>> list() = 0;
    /// Makes creations, renames and removals durable.
    virtual Result<void> sync_directory() = 0;
    /// Exclusive between processes. Errors: conflict, naming the process that holds it.
    virtual Result<std::unique_ptr<DiskLock>> lock(std::string const& name) = 0;
};

/// A directory of the machine's file system, made with mode 0700 when missing.
class PosixDisk final : public Disk {
public:
    /// Errors: unavailable (cannot be made or written; the message names it and says what to do).
    static Result<std::unique_ptr<PosixDisk>> open_directory(std::string path);
    ~PosixDisk() override;
    PosixDisk(PosixDisk const&) = delete;
    PosixDisk& operator=(PosixDisk const&) = delete;

    std::string path() const override { return path_; }
    Result<std::unique_ptr<File>> create(std::string const& name, std::size_t size) override;
    Result<std::unique_ptr<File>> open(std::string const& name) override;
    Result<void> rename(std::string const& from, std::string const& to) override;
    Result<void> remove(std::string const& name) override;
    Result<std::vector<std::string>> list() override;
    Result<void> sync_directory() override;
    Result<std::unique_ptr<DiskLock>> lock(std::string const& name) override;

private:
    PosixDisk(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
    std::string path_;
    int fd_;
};

} // namespace tollgate::journal
