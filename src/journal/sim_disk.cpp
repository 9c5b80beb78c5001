#include "journal/sim_disk.hpp"

#include <algorithm>
#include <cstring>

namespace tollgate::journal {

namespace {
constexpr std::size_t sector = 512;
Fail io(std::string const& what) {
    return fail(Errc::unavailable, what);
}
} // namespace

class SimDisk::SimFile final : public File {
public:
    SimFile(SimDisk& disk, std::shared_ptr<Inode> inode) : disk_(disk), inode_(std::move(inode)) {}
    std::size_t size() const noexcept override { return inode_->stored.size(); }
    Result<std::span<char>> map() override { return std::span<char>(inode_->stored); }
    Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
        if (disk_.fail_read)
            return io("simulated: cannot read: input/output error");
        std::size_t const size = inode_->stored.size();
        if (offset >= size)
            return std::size_t{0};
        std::size_t const n = std::min<std::size_t>(into.size(), size - offset);
        std::memcpy(into.data(), inode_->stored.data() + offset, n);
        return n;
    }
    Result<void> sync() override {
        if (disk_.fail_sync)
            return io("simulated: cannot sync: input/output error");
        inode_->durable = inode_->stored;
        return {};
    }
    Result<void> truncate(std::size_t size) override {
        inode_->stored.resize(size);
        if (inode_->durable.size() > size)
            inode_->durable.resize(size);
        return {};
    }
    void expect(std::uint64_t, std::uint64_t) noexcept override {}
    void forget(std::uint64_t) noexcept override {}

private:
    SimDisk& disk_;
    std::shared_ptr<Inode> inode_;
};

class SimDisk::SimLock final : public DiskLock {
public:
    explicit SimLock(std::shared_ptr<bool> locked) : locked_(std::move(locked)) { *locked_ = true; }
    ~SimLock() override { *locked_ = false; }

private:
    std::shared_ptr<bool> locked_;
};

SimDisk::SimDisk() : unsynced_{Names{}}, locked_(std::make_shared<bool>(false)) {}
SimDisk::~SimDisk() = default;

std::unique_ptr<SimDisk> SimDisk::crash(Crash kind, std::mt19937_64& random) const {
    auto next = std::make_unique<SimDisk>();
    // Directory changes reach the disk in order; a power cut keeps some first part of them.
    Names const& names = kind == Crash::process ? names_ : unsynced_[random() % unsynced_.size()];
    for (auto const& [name, inode] : names) {
        auto copy = std::make_shared<Inode>(*inode);
        if (kind == Crash::power) {
            copy->durable.resize(copy->stored.size());
            for (std::size_t at = 0; at < copy->stored.size(); at += sector) {
                std::size_t const n = std::min(sector, copy->stored.size() - at);
                bool const same = std::memcmp(&copy->stored[at], &copy->durable[at], n) == 0;
                if (!same && random() % 2 == 0)
                    std::memcpy(&copy->stored[at], &copy->durable[at], n);
            }
            copy->durable = copy->stored;
        }
        next->names_[name] = std::move(copy);
    }
    next->unsynced_ = {next->names_};
    next->capacity_bytes = capacity_bytes;
    return next;
}

std::vector<char>* SimDisk::bytes(std::string const& name) {
    auto const it = names_.find(name);
    return it == names_.end() ? nullptr : &it->second->stored;
}

std::uint64_t SimDisk::used_bytes() const {
    std::uint64_t sum = 0;
    for (auto const& [name, inode] : names_)
        sum += inode->stored.size();
    return sum;
}

Result<std::unique_ptr<File>> SimDisk::create(std::string const& name, std::size_t size) {
    if (names_.count(name))
        return io("simulated: cannot create '" + name + "': it exists");
    if (used_bytes() + size > capacity_bytes)
        return io("simulated: cannot create '" + name + "': no space left");
    auto inode = std::make_shared<Inode>();
    inode->stored.resize(size);
    inode->durable.resize(size);
    names_[name] = inode;
    unsynced_.push_back(names_);
    return std::make_unique<SimFile>(*this, std::move(inode));
}

Result<std::unique_ptr<File>> SimDisk::open(std::string const& name) {
    auto const it = names_.find(name);
    if (it == names_.end())
        return fail(Errc::not_found, "simulated: no file '" + name + "'");
    return std::make_unique<SimFile>(*this, it->second);
}

Result<void> SimDisk::rename(std::string const& from, std::string const& to) {
    auto const it = names_.find(from);
    if (it == names_.end())
        return fail(Errc::not_found, "simulated: no file '" + from + "'");
    names_[to] = it->second;
    names_.erase(from);
    unsynced_.push_back(names_);
    return {};
}

Result<void> SimDisk::remove(std::string const& name) {
    if (names_.erase(name) == 0)
        return fail(Errc::not_found, "simulated: no file '" + name + "'");
    unsynced_.push_back(names_);
    return {};
}

Result<std::vector<std::string>> SimDisk::list() {
    std::vector<std::string> names;
    for (auto const& [name, inode] : names_)
        names.push_back(name);
    return names;
}

Result<void> SimDisk::sync_directory() {
    if (fail_sync)
        return io("simulated: cannot sync the folder: input/output error");
    unsynced_ = {names_};
    return {};
}

Result<std::unique_ptr<DiskLock>> SimDisk::lock(std::string const&) {
    if (*locked_)
        return fail(Errc::conflict, "simulated: in use by another process");
    return std::make_unique<SimLock>(locked_);
}

} // namespace tollgate::journal
