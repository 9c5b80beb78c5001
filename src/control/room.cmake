# The API document is written once, as docs/reference/openapi.yaml; the build turns it into the JSON and the page
# that the program serves.
if(NOT DEFINED TOLLGATE_NODE_MODULES)
  set(TOLLGATE_NODE_MODULES ${CMAKE_SOURCE_DIR}/build/deps/node_modules CACHE PATH "npm packages read by the build")
endif()
find_program(TOLLGATE_NODE NAMES node HINTS ${CMAKE_SOURCE_DIR}/build/bin REQUIRED)
set(_openapi_inc ${CMAKE_BINARY_DIR}/generated/control/openapi.inc)
add_custom_command(
  OUTPUT ${_openapi_inc}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/generated/control
  COMMAND ${TOLLGATE_NODE} ${CMAKE_SOURCE_DIR}/tools/openapi/embed.mjs ${TOLLGATE_NODE_MODULES}
          ${CMAKE_SOURCE_DIR}/docs/reference/openapi.yaml ${_openapi_inc}
  DEPENDS ${CMAKE_SOURCE_DIR}/docs/reference/openapi.yaml ${CMAKE_SOURCE_DIR}/tools/openapi/embed.mjs
          ${CMAKE_SOURCE_DIR}/tools/openapi/page.mjs
  VERBATIM)
add_custom_target(control_openapi DEPENDS ${_openapi_inc})
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/control/openapi.cpp PROPERTIES OBJECT_DEPENDS ${_openapi_inc})
