# cleat_add_plugin(<name> SOURCES <file>... [LIBRARIES <target>...] [OUTPUT_DIRECTORY <dir>] [TARGET <target>])
#
# Builds <name>.so, a plugin the kernel can load: it exports one symbol, needs none of the host's, and can be unmapped.
# The same function serves the plugins of the Cleat tree and, through find_package(cleat), everyone else's.
#
#   LIBRARIES         what it links besides cleat::plugin_api
#   OUTPUT_DIRECTORY  where the .so goes (default: plugins/ in the build folder)
#   TARGET            the CMake target's name (default: <name>_plugin)
#
# CLEAT_PLUGIN_LIBRARIES, when set, is linked to every plugin: for a project's own flags.

function(cleat_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "OUTPUT_DIRECTORY;TARGET" "SOURCES;LIBRARIES")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
    message(FATAL_ERROR "cleat_add_plugin(${name}): needs SOURCES <file>...; does not know: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  # Beside this file once installed, one folder up in the source tree.
  set(exports_map ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/exports.map)
  if(NOT EXISTS ${exports_map})
    get_filename_component(exports_map ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../exports.map ABSOLUTE)
  endif()
  if(NOT arg_OUTPUT_DIRECTORY)
    set(arg_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  endif()
  if(NOT arg_TARGET)
    set(arg_TARGET ${name}_plugin)
  endif()

  add_library(${arg_TARGET} MODULE ${arg_SOURCES})
  target_link_libraries(${arg_TARGET} PRIVATE cleat::plugin_api ${arg_LIBRARIES} ${CLEAT_PLUGIN_LIBRARIES})
  set_target_properties(${arg_TARGET} PROPERTIES
    PREFIX "" OUTPUT_NAME ${name} SUFFIX .so
    LIBRARY_OUTPUT_DIRECTORY ${arg_OUTPUT_DIRECTORY}
    POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  if(NOT CMAKE_CXX_STANDARD)
    set_target_properties(${arg_TARGET} PROPERTIES CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON)
  endif()

  # A single STB_GNU_UNIQUE symbol keeps the file mapped for ever. The standard library's own inline statics are unique
  # whatever the visibility, hence both the flag and the version script.
  target_compile_options(${arg_TARGET} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(${arg_TARGET} PRIVATE LINKER:--version-script=${exports_map})
  set_property(TARGET ${arg_TARGET} APPEND PROPERTY LINK_DEPENDS ${exports_map})

  # A missing symbol is a link error here, not a crash in production. Clang's sanitizers are an exception: their runtime
  # is in the program only, so an instrumented plugin cannot be closed. (GCC links the shared runtime, and can.)
  if(NOT (CLEAT_SANITIZE AND CMAKE_CXX_COMPILER_ID MATCHES "Clang"))
    target_link_options(${arg_TARGET} PRIVATE LINKER:-z,defs)
  endif()
endfunction()
