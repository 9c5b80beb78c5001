# SQLite comes as one C file out of the npm package better-sqlite3 (Debian's is older than the fix of the WAL-reset
# bug) and is compiled with our own options; libpq is the system's. Migrations are embedded as text.
set(SQLITE_SOURCE_DIR ${TOLLGATE_NODE_MODULES}/better-sqlite3/deps/sqlite3)
if(NOT EXISTS ${SQLITE_SOURCE_DIR}/sqlite3.c)
  message(FATAL_ERROR "${SQLITE_SOURCE_DIR}/sqlite3.c is missing: run tools/setup.sh, or pass -DTOLLGATE_NODE_MODULES=DIR")
endif()
add_library(tollgate_sqlite STATIC ${SQLITE_SOURCE_DIR}/sqlite3.c)
target_include_directories(tollgate_sqlite SYSTEM PUBLIC ${SQLITE_SOURCE_DIR})
target_compile_options(tollgate_sqlite PRIVATE -w -O2)
target_compile_definitions(tollgate_sqlite PRIVATE
  SQLITE_THREADSAFE=2 SQLITE_DQS=0 SQLITE_DEFAULT_MEMSTATUS=0 SQLITE_DEFAULT_WAL_SYNCHRONOUS=1
  SQLITE_DEFAULT_FOREIGN_KEYS=1 SQLITE_LIKE_DOESNT_MATCH_BLOBS SQLITE_MAX_EXPR_DEPTH=0 SQLITE_OMIT_DEPRECATED
  SQLITE_OMIT_PROGRESS_CALLBACK SQLITE_OMIT_SHARED_CACHE SQLITE_OMIT_LOAD_EXTENSION SQLITE_OMIT_TCL_VARIABLE
  SQLITE_USE_ALLOCA SQLITE_TEMP_STORE=2 SQLITE_USE_URI=0 HAVE_USLEEP=1 HAVE_INT64_T=1)
set(STORE_LIBS tollgate_sqlite PostgreSQL::PostgreSQL)

file(GLOB migration_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/store/migrations/*.sql)
list(SORT migration_files)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${migration_files})
set(migration_text "")
foreach(f ${migration_files})
  get_filename_component(migration_name ${f} NAME_WE)
  file(READ ${f} migration_body)
  string(APPEND migration_text "{\"${migration_name}\", R\"SQL!(${migration_body})SQL!\"},\n")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/store/migrations.inc CONTENT "@migration_text@" @ONLY)
