#include "identity/secrets_on_disk.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace tollgate::identity {
namespace {

namespace fs = std::filesystem;

struct Folder : testing::Test {
    fs::path dir;
    void SetUp() override {
        std::string name = testing::TempDir() + "tollgate-secrets-XXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        dir = name;
    }
    void TearDown() override { fs::remove_all(dir); }
    static unsigned mode(fs::path const& path) {
        struct stat info {};
        EXPECT_EQ(::stat(path.c_str(), &info), 0);
        return info.st_mode & 0777;
    }
};
class SecretsOnDisk : public Folder {};

TEST_F(SecretsOnDisk, AreMadeOnceAndReadFromThenOn) {
    auto const first = load_data_secrets(dir, Secret());
    ASSERT_TRUE(first);
    EXPECT_TRUE(first->pepper_made);
    EXPECT_TRUE(first->master_key_made);
    EXPECT_EQ(first->pepper.reveal().size(), 64u);
    EXPECT_NE(first->pepper.reveal(), first->master_key.reveal());
    EXPECT_EQ(mode(dir / "pepper"), 0600u);
    EXPECT_EQ(mode(dir / "master.key"), 0600u);
    auto const second = load_data_secrets(dir, Secret());
    ASSERT_TRUE(second);
    EXPECT_FALSE(second->pepper_made);
    EXPECT_EQ(second->pepper.reveal(), first->pepper.reveal());
    EXPECT_EQ(second->master_key.reveal(), first->master_key.reveal());
    EXPECT_EQ(std::distance(fs::directory_iterator(dir), {}), 2); // no temporary files left
}

TEST_F(SecretsOnDisk, AMasterKeyFromTheEnvironmentMakesNoFile) {
    auto const secrets = load_data_secrets(dir, Secret("a master key of the environment"));
    ASSERT_TRUE(secrets);
    EXPECT_EQ(secrets->master_key.reveal(), "a master key of the environment");
    EXPECT_FALSE(fs::exists(dir / "master.key"));
    auto const too_short = load_data_secrets(dir, Secret("short"));
    ASSERT_FALSE(too_short);
    EXPECT_NE(too_short.error().message.find("at least 16"), std::string::npos);
}

TEST_F(SecretsOnDisk, OpenPermissionsAreTightened) {
    ASSERT_TRUE(load_data_secrets(dir, Secret()));
    fs::permissions(dir / "pepper", fs::perms::owner_all | fs::perms::group_read | fs::perms::others_read);
    ASSERT_TRUE(load_data_secrets(dir, Secret()));
    EXPECT_EQ(mode(dir / "pepper"), 0600u);
}

TEST_F(SecretsOnDisk, ADamagedFileIsNeverReplacedSilently) {
    std::ofstream(dir / "pepper") << "\n";
    auto const secrets = load_data_secrets(dir, Secret());
    ASSERT_FALSE(secrets);
    EXPECT_EQ(secrets.error().code, Errc::unavailable);
    EXPECT_NE(secrets.error().message.find((dir / "pepper").string()), std::string::npos);
}

TEST_F(SecretsOnDisk, AFolderThatCannotBeWrittenIsNamed) {
    auto const secrets = load_data_secrets(dir / "missing", Secret());
    ASSERT_FALSE(secrets);
    EXPECT_NE(secrets.error().message.find("missing/pepper"), std::string::npos) << secrets.error().message;
}

TEST_F(SecretsOnDisk, EachSecretIsMadeOnItsOwn) {
    auto const a = load_data_secrets(dir, Secret());
    ASSERT_TRUE(a);
    fs::remove(dir / "master.key");
    auto const b = load_data_secrets(dir, Secret());
    ASSERT_TRUE(b);
    EXPECT_EQ(a->pepper.reveal(), b->pepper.reveal());
    EXPECT_NE(a->master_key.reveal(), b->master_key.reveal());
}

TEST_F(SecretsOnDisk, TheMasterKeyCanBeReplaced) {
    ASSERT_TRUE(load_data_secrets(dir, Secret()));
    ASSERT_TRUE(replace_master_key(dir, Secret("the next master key, long enough")));
    EXPECT_EQ(load_data_secrets(dir, Secret())->master_key.reveal(), "the next master key, long enough");
    EXPECT_EQ(mode(dir / "master.key"), 0600u);
    EXPECT_FALSE(replace_master_key(dir, Secret("short")));
}

TEST(SecretFingerprint, TellsSecretsApartWithoutShowingThem) {
    auto const a = secret_fingerprint(Secret("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    EXPECT_EQ(a.size(), 16u);
    EXPECT_EQ(a, secret_fingerprint(Secret("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
    EXPECT_NE(a, secret_fingerprint(Secret("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")));
}

} // namespace
} // namespace tollgate::identity
