#include "base/digest.hpp"

#include <openssl/evp.h>

#include "base/check.hpp"

namespace tollgate {

std::string sha256(std::string_view bytes) {
    std::string out(32, '\0');
    unsigned size = 0;
    int const ok = EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(out.data()), &size, EVP_sha256(), nullptr);
    TOLLGATE_CHECK(ok == 1 && size == 32, "SHA-256 is not available");
    return out;
}

} // namespace tollgate
