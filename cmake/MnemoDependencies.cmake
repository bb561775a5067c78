# The libraries that mnemo is linked with, found in the same way when mnemo is built and when an
# installed mnemo is used. pkg-config is not relied upon: Debian's openblas.pc asks for gfortran in
# static links.

# Name of the library, a header of it, Debian's package.
set(MNEMO_DEPENDENCIES
  "deflate libdeflate.h libdeflate-dev"
  "openblas openblas_config.h libopenblas-dev"
  "png png.h libpng-dev"
  "z zlib.h zlib1g-dev"
)

# Makes an imported target mnemo::NAME of each; with WITH_HEADERS also finds the header's folder.
# What is missing is listed in the variable `missing`, with what to install.
function(mnemo_find_dependencies missing)
  cmake_parse_arguments(PARSE_ARGV 1 arg "WITH_HEADERS" "" "")
  set(not_found)
  foreach(dependency ${MNEMO_DEPENDENCIES})
    separate_arguments(fields UNIX_COMMAND ${dependency})
    list(GET fields 0 name)
    list(GET fields 1 header)
    list(GET fields 2 package)
    find_library(MNEMO_${name}_LIBRARY ${name})
    mark_as_advanced(MNEMO_${name}_LIBRARY)
    if(arg_WITH_HEADERS)
      find_path(MNEMO_${name}_INCLUDE_DIR ${header} PATH_SUFFIXES ${name})
      mark_as_advanced(MNEMO_${name}_INCLUDE_DIR)
    endif()
    if(NOT MNEMO_${name}_LIBRARY OR (arg_WITH_HEADERS AND NOT MNEMO_${name}_INCLUDE_DIR))
      list(APPEND not_found "lib${name} (on Debian: apt-get install ${package})")
    elseif(NOT TARGET mnemo::${name})
      add_library(mnemo::${name} UNKNOWN IMPORTED GLOBAL)
      set_target_properties(mnemo::${name} PROPERTIES IMPORTED_LOCATION ${MNEMO_${name}_LIBRARY})
      if(arg_WITH_HEADERS)
        # Through Debian's links to the folder of OpenBLAS's variant in use, where cblas.h is its own.
        file(REAL_PATH ${MNEMO_${name}_INCLUDE_DIR}/${header} real_header)
        cmake_path(GET real_header PARENT_PATH directory)
        target_include_directories(mnemo::${name} SYSTEM INTERFACE ${directory})
      endif()
    endif()
  endforeach()
  set(${missing} ${not_found} PARENT_SCOPE)
endfunction()
