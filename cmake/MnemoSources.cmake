# What the folders' CMakeLists.txt call beside target_sources(mnemo PRIVATE ...), one file a line:
#   mnemo_headers(tensor.hpp)              installed, and part of <mnemo/mnemo.hpp>
#   mnemo_other_headers(xtensor.hpp)       installed, but not part of it: opt-in headers, and those
#                                          details that public templates need
# A header that is in neither list (those in detail/) is not installed.

function(mnemo_headers)
  _mnemo_collect(MNEMO_HEADERS ${ARGN})
endfunction()

function(mnemo_other_headers)
  _mnemo_collect(MNEMO_OTHER_HEADERS ${ARGN})
endfunction()

# Appends the files to a global property, as paths from the project's root: core/tensor.hpp.
function(_mnemo_collect property)
  foreach(file ${ARGN})
    set(path ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    if(NOT EXISTS ${path})
      message(FATAL_ERROR "${path} is listed as a header of mnemo, but there is no such file")
    endif()
    cmake_path(RELATIVE_PATH path BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_property(GLOBAL APPEND PROPERTY ${property} ${path})
  endforeach()
endfunction()

# Writes <mnemo/mnemo.hpp>, which includes every public header.
function(mnemo_write_umbrella output)
  get_property(headers GLOBAL PROPERTY MNEMO_HEADERS)
  list(SORT headers)
  set(text "#pragma once\n// All of mnemo. Made by the build from the lists of public headers.\n\n")
  foreach(header ${headers})
    string(APPEND text "#include \"mnemo/${header}\"\n")
  endforeach()
  file(CONFIGURE OUTPUT ${output} CONTENT "${text}" @ONLY)
endfunction()
