#include "identity/secrets_on_disk.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/random.hpp"
#include "identity/api_key.hpp"

namespace tollgate::identity {
namespace {

constexpr std::size_t secret_max = 4096; // bytes of a secret file
constexpr std::size_t master_min = 16;   // characters

/// Closes the descriptor.
class File {
public:
    explicit File(int fd) : fd_(fd) {}
    File(File const&) = delete;
    File& operator=(File const&) = delete;
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    int fd() const noexcept { return fd_; }
    bool ok() const noexcept { return fd_ >= 0; }

private:
    int fd_;
};

Fail trouble(std::filesystem::path const& path, std::string const& what) {
    return fail(Errc::unavailable, path.string() + ": " + what);
}
Fail os_trouble(std::filesystem::path const& path, std::string_view doing) {
    return trouble(path, "cannot " + std::string(doing) + " (" + std::strerror(errno) +
                             "): the data folder must belong to the user Tollgate runs as and be writable");
}

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        auto const n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

/// Writes a complete file beside `path`, synced. The name is fixed by process id: a crash leaves at most one behind.
Result<std::filesystem::path> write_beside(std::filesystem::path const& path, Secret const& secret) {
    auto const temporary = path.string() + ".new." + std::to_string(::getpid());
    ::unlink(temporary.c_str());
    File const file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.ok()) return os_trouble(path, "make the file");
    if (!write_all(file.fd(), secret.reveal()) || !write_all(file.fd(), "\n") || ::fsync(file.fd()) != 0) {
        auto const error = os_trouble(path, "write the file");
        ::unlink(temporary.c_str());
        return error;
    }
    return temporary;
}

void sync_folder(std::filesystem::path const& folder) {
    File const dir(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (dir.ok()) ::fsync(dir.fd());
}

Secret random_hex() {
    std::array<std::uint8_t, 32> bytes;
    fill_random(bytes);
    Secret out(to_hex({reinterpret_cast<char const*>(bytes.data()), bytes.size()}));
    OPENSSL_cleanse(bytes.data(), bytes.size());
    return out;
}

/// Empty Secret: no such file.
Result<Secret> read_secret(std::filesystem::path const& path) {
    File const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.ok()) {
        if (errno == ENOENT) return Secret();
        return os_trouble(path, "read the file");
    }
    struct stat info {};
    if (::fstat(file.fd(), &info) != 0) return os_trouble(path, "read the file");
    if (!S_ISREG(info.st_mode)) return trouble(path, "is not a regular file");
    if ((info.st_mode & 077) != 0 && ::fchmod(file.fd(), 0600) != 0)
        return trouble(path, "can be read by other users and its mode cannot be changed: run chmod 600 on it");
    std::string text(secret_max + 1, '\0');
    auto const n = ::read(file.fd(), text.data(), text.size());
    if (n < 0) return os_trouble(path, "read the file");
    if (static_cast<std::size_t>(n) > secret_max) return trouble(path, "is too long for a secret: restore it from a backup");
    text.resize(static_cast<std::size_t>(n));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
    if (text.size() < master_min)
        return trouble(path, "is empty or damaged: restore it from a backup (a new secret would lock every key out)");
    return Secret(std::move(text));
}

Result<Secret> read_or_make(std::filesystem::path const& path, bool& made) {
    auto existing = read_secret(path);
    if (!existing || !existing->empty()) return existing;
    auto secret = random_hex();
    auto const temporary = write_beside(path, secret);
    if (!temporary) return tl::unexpected(temporary.error());
    // link() refuses to replace: of two processes starting at once, one makes the secret and both read it.
    bool const linked = ::link(temporary->c_str(), path.c_str()) == 0;
    int const error = errno;
    ::unlink(temporary->c_str());
    if (!linked && error != EEXIST) {
        errno = error;
        return os_trouble(path, "make the file");
    }
    sync_folder(path.parent_path());
    made = linked;
    return linked ? Result<Secret>(std::move(secret)) : read_secret(path);
}

} // namespace

Result<DataSecrets> load_data_secrets(std::filesystem::path const& data_dir, Secret const& master_key) {
    DataSecrets out;
    if (!master_key.empty() && master_key.reveal().size() < master_min)
        return fail(Errc::unavailable, "TOLLGATE_MASTER_KEY has " + std::to_string(master_key.reveal().size()) +
                                           " characters: use at least 16, best the output of: openssl rand -hex 32");
    auto pepper = read_or_make(data_dir / "pepper", out.pepper_made);
    if (!pepper) return tl::unexpected(pepper.error());
    out.pepper = std::move(*pepper);
    if (!master_key.empty()) {
        out.master_key = master_key;
        return out;
    }
    auto master = read_or_make(data_dir / "master.key", out.master_key_made);
    if (!master) return tl::unexpected(master.error());
    out.master_key = std::move(*master);
    return out;
}

Result<void> replace_master_key(std::filesystem::path const& data_dir, Secret const& master_key) {
    auto const path = data_dir / "master.key";
    if (master_key.reveal().size() < master_min) return trouble(path, "a master key has at least 16 characters");
    auto const temporary = write_beside(path, master_key);
    if (!temporary) return tl::unexpected(temporary.error());
    if (::rename(temporary->c_str(), path.c_str()) != 0) {
        auto const error = os_trouble(path, "replace the file");
        ::unlink(temporary->c_str());
        return error;
    }
    sync_folder(data_dir);
    return {};
}

std::string secret_fingerprint(Secret const& secret) {
    // Keyed by the secret, over a fixed text: says nothing about the secret itself.
    auto const hash = KeyHasher(secret).hash("tollgate secret fingerprint");
    return to_hex({reinterpret_cast<char const*>(hash.data()), 8});
}

} // namespace tollgate::identity
