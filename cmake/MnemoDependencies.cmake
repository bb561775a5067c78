# The libraries that mnemo is linked with, found in the same way when mnemo is built and when an
# installed mnemo is used. Neither pkg-config nor CMake files of theirs are relied upon: Debian's
# openblas.pc asks for gfortran in static links, its libzip-config.cmake for programs of libzip.

# Makes the imported target `target` from a library and, when mnemo itself is built, the folder of a
# header. On failure sets MNEMO_MISSING to what to install, for the caller to report.
function(mnemo_find_library target library header package)
  if(TARGET ${target})
    return()
  endif()
  string(TOUPPER ${library} name)
  find_library(MNEMO_${name}_LIBRARY ${library})
  mark_as_advanced(MNEMO_${name}_LIBRARY)
  set(found ${MNEMO_${name}_LIBRARY})
  if(found AND header)
    find_path(MNEMO_${name}_INCLUDE_DIR ${header} PATH_SUFFIXES ${library})
    mark_as_advanced(MNEMO_${name}_INCLUDE_DIR)
    set(found ${MNEMO_${name}_INCLUDE_DIR})
  endif()
  if(NOT found)
    list(APPEND MNEMO_MISSING "${library} (on Debian: apt-get install ${package})")
    set(MNEMO_MISSING ${MNEMO_MISSING} PARENT_SCOPE)
    return()
  endif()
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${MNEMO_${name}_LIBRARY})
  if(header)
    # Through Debian's links to the folder of the variant in use, where cblas.h is OpenBLAS's own.
    file(REAL_PATH ${MNEMO_${name}_INCLUDE_DIR}/${header} real_header)
    cmake_path(GET real_header PARENT_PATH directory)
    target_include_directories(${target} SYSTEM INTERFACE ${directory})
  endif()
endfunction()
