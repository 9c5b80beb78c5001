# The built-in price book (tools/pricebook/extract.mjs) and the cases its comparison test reads
# (tools/pricebook/compare.mjs), both out of the npm package @pydantic/genai-prices.
set(_pricing_out ${CMAKE_BINARY_DIR}/generated/pricing)
set(_pricing_tools ${CMAKE_SOURCE_DIR}/tools/pricebook)
set(_pricing_package ${TOLLGATE_NODE_MODULES}/@pydantic/genai-prices/package.json)
file(MAKE_DIRECTORY ${_pricing_out})

add_custom_command(OUTPUT ${_pricing_out}/book_data.cpp
  COMMAND ${TOLLGATE_NODE} ${_pricing_tools}/extract.mjs --node-modules ${TOLLGATE_NODE_MODULES}
    --cpp ${_pricing_out}/book_data.cpp
  DEPENDS ${_pricing_tools}/extract.mjs ${_pricing_tools}/library.mjs ${_pricing_package}
  COMMENT "Price book" VERBATIM)
add_library(pricing_book_data STATIC ${_pricing_out}/book_data.cpp)
target_link_libraries(pricing_book_data PRIVATE project_options)
set(PRICING_LIBS pricing_book_data PkgConfig::PCRE2)

add_custom_command(OUTPUT ${_pricing_out}/compare.jsonl
  COMMAND ${TOLLGATE_NODE} ${_pricing_tools}/compare.mjs --node-modules ${TOLLGATE_NODE_MODULES}
    --out ${_pricing_out}/compare.jsonl
  DEPENDS ${_pricing_tools}/compare.mjs ${_pricing_tools}/library.mjs ${_pricing_package}
  COMMENT "Price comparison cases" VERBATIM)
add_custom_target(pricing_compare_cases DEPENDS ${_pricing_out}/compare.jsonl)
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/pricing/book_compare_test.cpp PROPERTIES
  OBJECT_DEPENDS ${_pricing_out}/compare.jsonl
  COMPILE_DEFINITIONS TOLLGATE_COMPARE_FILE="${_pricing_out}/compare.jsonl")
