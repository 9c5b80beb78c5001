#include <gtest/gtest.h>

#include "postgres_server.hpp"

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    auto const result = RUN_ALL_TESTS();
    tollgate::conformance::PostgresServer::instance().stop();
    return result;
}
