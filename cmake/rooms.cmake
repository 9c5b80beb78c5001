# The rooms of the house and the arrows between them: a room may include its own headers and those of the rooms
# named here, nothing else. tools/lint.py reads this table and checks every #include against it.
#
# room(NAME DEPS rooms... LIBS libraries...) makes the static library room_NAME from src/NAME/**.cpp and the test
# program test_NAME from src/NAME/**_test.cpp (unit tests live beside the source).
enable_testing()
find_package(GTest REQUIRED)

add_library(project_options INTERFACE)
target_include_directories(project_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_include_directories(project_options SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/generated)
target_compile_options(project_options INTERFACE -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow
  -Wno-missing-field-initializers -fno-omit-frame-pointer)
target_compile_definitions(project_options INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_DATE_TIME BOOST_ALL_NO_LIB SPDLOG_COMPILED_LIB)
if(TOLLGATE_SANITIZE)
  string(REPLACE "+" "," _san "${TOLLGATE_SANITIZE}")
  target_compile_options(project_options INTERFACE -fsanitize=${_san} -fno-sanitize-recover=all)
  target_link_options(project_options INTERFACE -fsanitize=${_san})
endif()

set(TOLLGATE_ALL_TESTS "" CACHE INTERNAL "")

function(room NAME)
  cmake_parse_arguments(R "" "" "DEPS;LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${NAME}/*.cpp)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  set(room_links project_options ${R_LIBS})
  foreach(dep ${R_DEPS})
    list(APPEND room_links room_${dep})
  endforeach()
  if(sources)
    add_library(room_${NAME} STATIC ${sources})
    target_link_libraries(room_${NAME} PUBLIC ${room_links})
  else()
    add_library(room_${NAME} INTERFACE)
    target_link_libraries(room_${NAME} INTERFACE ${room_links})
  endif()
  if(tests)
    add_executable(test_${NAME} EXCLUDE_FROM_ALL ${tests})
    target_link_libraries(test_${NAME} PRIVATE room_${NAME} GTest::gtest GTest::gmock GTest::gtest_main)
    target_compile_definitions(test_${NAME} PRIVATE TOLLGATE_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
      TOLLGATE_BINARY_DIR="${CMAKE_BINARY_DIR}")
    set(TOLLGATE_ALL_TESTS ${TOLLGATE_ALL_TESTS} test_${NAME} CACHE INTERNAL "")
  endif()
endfunction()

# Per-room build details (generated files, vendored code) live in src/<room>/room.cmake and are read first.
file(GLOB room_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/*/room.cmake)
foreach(f ${room_files})
  include(${f})
endforeach()
# The Boost.JSON and Asio sources are header-only; they are compiled once, in base and net.
room(base      LIBS fmt::fmt spdlog::spdlog PkgConfig::SODIUM OpenSSL::Crypto Threads::Threads)
room(types     DEPS base)
room(config    DEPS types base)
room(pricing   DEPS types base LIBS ${PRICING_LIBS})
room(metering  DEPS types base)
room(dialects  DEPS types base LIBS simdjson::simdjson)
room(net       DEPS types base LIBS OpenSSL::SSL OpenSSL::Crypto)
room(providers DEPS dialects metering net config types base)
room(routing   DEPS pricing providers net config types base)
room(limits    DEPS types base)
room(store     DEPS types base LIBS ${STORE_LIBS})
room(identity  DEPS store types base LIBS OpenSSL::Crypto)
room(journal   DEPS net types base) # net: where Asio is compiled; wait_durable suspends coroutines
room(ledger    DEPS journal store types base)
room(gateway   DEPS ledger journal identity limits dialects providers routing pricing metering net config types base)
room(control   DEPS ledger journal identity limits routing providers pricing metering dialects store net config types base LIBS prometheus-cpp-core)
room(app       DEPS gateway control ledger journal identity limits dialects providers routing pricing metering store net config types base)

if(EXISTS ${CMAKE_SOURCE_DIR}/src/main.cpp)
  add_executable(tollgate ${CMAKE_SOURCE_DIR}/src/main.cpp)
  target_link_libraries(tollgate PRIVATE room_app)
endif()
add_custom_target(all_tests DEPENDS ${TOLLGATE_ALL_TESTS})
