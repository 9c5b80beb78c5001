#pragma once
// A disk in memory that forgets: for tests and simulation. It tells stored bytes from durable ones.
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "journal/disk.hpp"

namespace tollgate::journal {

/// What a crash does to what was not synced.
enum class Crash {
    process, ///< kill -9: nothing is lost
    power,   ///< every unsynced 512-byte sector and directory change may or may not have reached the disk
};

class SimDisk final : public Disk {
public:
    SimDisk();
    ~SimDisk() override;

    /// The disk as the next process finds it. This one goes on, unconnected: whoever still holds it is the
    /// dead process, and what it does from now on is lost.
    std::unique_ptr<SimDisk> crash(Crash kind, std::mt19937_64& random) const;

    // Faults to inject; they stay until changed.
    std::uint64_t capacity_bytes = ~std::uint64_t{0}; ///< create fails beyond (ENOSPC)
    bool fail_sync = false;                           ///< every sync is EIO
    bool fail_read = false;

    /// The bytes of a file, to damage them. Null when there is none.
    std::vector<char>* bytes(std::string const& name);
    std::uint64_t used_bytes() const;

    std::string path() const override { return "sim:"; }
    Result<std::unique_ptr<File>> create(std::string const& name, std::size_t size) override;
    Result<std::unique_ptr<File>> open(std::string const& name) override;
    Result<void> rename(std::string const& from, std::string const& to) override;
    Result<void> remove(std::string const& name) override;
    Result<std::vector<std::string>> list() override;
    Result<void> sync_directory() override;
    Result<std::unique_ptr<DiskLock>> lock(std::string const& name) override;

private:
    struct Inode {
        std::vector<char> stored;  ///< what reads see
        std::vector<char> durable; ///< what a power cut leaves for sure
    };
    class SimFile;
    class SimLock;
    // shared_ptr: an open file outlives its name, as on a real disk.
    using Names = std::map<std::string, std::shared_ptr<Inode>>;
    Names names_;
    std::vector<Names> unsynced_;  ///< the directory after the last sync and after each change since
    std::shared_ptr<bool> locked_; ///< shared with the lock, which may outlive the disk
};

} // namespace tollgate::journal
