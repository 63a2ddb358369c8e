# find_package(cleat) gives the target cleat::plugin_api (headers) and the function cleat_add_plugin().
include(${CMAKE_CURRENT_LIST_DIR}/cleatTargets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/CleatPlugin.cmake)
