# The target `docs`: the documentation of all public headers as HTML, in build/.../docs/html. A warning of
# Doxygen's is an error.
find_package(Doxygen QUIET)
if(NOT DOXYGEN_FOUND)
  add_custom_target(docs COMMAND ${CMAKE_COMMAND} -E echo
                                 "No doxygen: ./install-deps.sh --dev installs it, then configure again."
                    COMMAND ${CMAKE_COMMAND} -E false VERBATIM)
  return()
endif()

set(DOXYGEN_PROJECT_NUMBER ${PROJECT_VERSION})
set(DOXYGEN_PROJECT_BRIEF ${PROJECT_DESCRIPTION})
set(DOXYGEN_USE_MDFILE_AS_MAINPAGE ${PROJECT_SOURCE_DIR}/README.md)
set(DOXYGEN_OUTPUT_DIRECTORY docs)
set(DOXYGEN_STRIP_FROM_PATH ${PROJECT_SOURCE_DIR})
set(DOXYGEN_IMAGE_PATH ${PROJECT_SOURCE_DIR}/examples)
set(DOXYGEN_EXTRACT_ALL NO) # every public name has a comment of its own,
set(DOXYGEN_WARN_IF_UNDOCUMENTED YES)
set(DOXYGEN_DISTRIBUTE_GROUP_DOC YES) # or that of the first in its group
set(DOXYGEN_HIDE_FRIEND_COMPOUNDS YES)
set(DOXYGEN_EXCLUDE_SYMBOLS mnemo::detail mnemo::nn::detail mnemo::io::detail mnemo::optim::detail)
set(DOXYGEN_FULL_PATH_NAMES YES)
set(DOXYGEN_HAVE_DOT NO)
set(DOXYGEN_QUIET YES)
set(DOXYGEN_WARN_AS_ERROR FAIL_ON_WARNINGS)

get_property(headers GLOBAL PROPERTY MNEMO_HEADERS)
get_property(other_headers GLOBAL PROPERTY MNEMO_OTHER_HEADERS)
list(FILTER other_headers EXCLUDE REGEX "/detail/")
doxygen_add_docs(docs README.md examples/README.md CONTRIBUTING.md CHANGELOG.md io/FORMAT.md ${headers}
                 ${other_headers} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
