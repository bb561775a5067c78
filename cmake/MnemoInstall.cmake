# cmake --install and the Debian package. Everything in it finds its neighbours from where it lies
# itself, so that the installed tree can be moved.
include(CMakePackageConfigHelpers)

get_property(headers GLOBAL PROPERTY MNEMO_HEADERS)
get_property(other_headers GLOBAL PROPERTY MNEMO_OTHER_HEADERS)
foreach(header ${headers} ${other_headers})
  cmake_path(GET header PARENT_PATH folder)
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mnemo/${folder})
endforeach()
install(FILES ${PROJECT_BINARY_DIR}/include/mnemo/mnemo.hpp
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mnemo)

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/mnemo)
install(TARGETS mnemo EXPORT mnemoTargets)
install(EXPORT mnemoTargets NAMESPACE mnemo:: DESTINATION ${config_dir})

# A shared mnemo brings what it is linked with; a static one has it found on the user's machine.
get_target_property(type mnemo TYPE)
if(type STREQUAL "STATIC_LIBRARY")
  set(MNEMO_IS_STATIC TRUE)
else()
  set(MNEMO_IS_STATIC FALSE)
endif()
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/mnemoConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/mnemoConfig.cmake
                              INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/mnemoConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/mnemoConfig.cmake
              ${PROJECT_BINARY_DIR}/mnemoConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/MnemoDependencies.cmake
        DESTINATION ${config_dir})

# pkg-config. A static mnemo needs the libraries in every link, a shared one brings them itself.
set(libraries)
foreach(dependency ${MNEMO_DEPENDENCIES})
  string(REGEX MATCH "^[^ ]+" name ${dependency})
  cmake_path(GET MNEMO_${name}_LIBRARY PARENT_PATH directory)
  if(NOT directory IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
    string(APPEND libraries " -L${directory}")
  endif()
  string(APPEND libraries " -l${name}")
endforeach()
string(APPEND libraries " -lstdc++ -lm -pthread")
if(MNEMO_IS_STATIC)
  set(MNEMO_PC_LIBS "${libraries}")
  set(MNEMO_PC_LIBS_PRIVATE "")
else()
  set(MNEMO_PC_LIBS "")
  set(MNEMO_PC_LIBS_PRIVATE "${libraries}")
endif()
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH MNEMO_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
file(RELATIVE_PATH MNEMO_PC_INCLUDEDIR ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
file(RELATIVE_PATH MNEMO_PC_LIBDIR ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_LIBDIR})
configure_file(${PROJECT_SOURCE_DIR}/cmake/mnemo.pc.in ${PROJECT_BINARY_DIR}/mnemo.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/mnemo.pc DESTINATION ${pc_dir})

# The inspector, which finds its modules from where it lies itself.
install(PROGRAMS ${PROJECT_SOURCE_DIR}/io/inspect.py DESTINATION ${CMAKE_INSTALL_BINDIR}
        RENAME mnemo-inspect)
install(FILES ${PROJECT_SOURCE_DIR}/io/checkpoint.py ${PROJECT_SOURCE_DIR}/io/convert.py
              ${PROJECT_SOURCE_DIR}/io/inspect_plot.py ${PROJECT_SOURCE_DIR}/io/inspect_run.py
              ${PROJECT_SOURCE_DIR}/io/safetensors_file.py
        DESTINATION ${CMAKE_INSTALL_DATADIR}/mnemo/python)

# What Debian asks of each package: licence, changes, a manual page of each program.
set(doc_dir ${CMAKE_INSTALL_DATAROOTDIR}/doc/libmnemo-dev)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${doc_dir} RENAME copyright)
find_program(MNEMO_GZIP gzip)
mark_as_advanced(MNEMO_GZIP)
if(MNEMO_GZIP)
  string(TIMESTAMP MNEMO_PACKAGE_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)
  foreach(name changelog mnemo-inspect.1)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/${name}.in ${PROJECT_BINARY_DIR}/${name} @ONLY)
    execute_process(COMMAND ${MNEMO_GZIP} -9nc ${PROJECT_BINARY_DIR}/${name}
                    OUTPUT_FILE ${PROJECT_BINARY_DIR}/${name}.gz COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
  install(FILES ${PROJECT_BINARY_DIR}/changelog.gz DESTINATION ${doc_dir})
  install(FILES ${PROJECT_BINARY_DIR}/mnemo-inspect.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()

# The libraries at least as new as those that this build has seen.
set(depends "python3:any" "libstdc++-12-dev | libstdc++-dev")
foreach(dependency ${MNEMO_DEPENDENCIES})
  string(REGEX MATCH "[^ ]+$" package ${dependency})
  execute_process(COMMAND dpkg-query -W -f "\${source:Upstream-Version}" ${package}
                  OUTPUT_VARIABLE version ERROR_QUIET)
  if(version)
    string(APPEND package " (>= ${version})")
  endif()
  list(APPEND depends ${package})
endforeach()
list(JOIN depends ", " CPACK_DEBIAN_PACKAGE_DEPENDS)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME libmnemo-dev)
set(CPACK_PACKAGE_VENDOR mnemo)
set(CPACK_PACKAGE_CONTACT "The mnemo maintainers <mnemo@example.org>") # as in changelog.in
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES OFF) # a static library has nothing to strip but what its user links
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "python3-numpy")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "python3-matplotlib, pkg-config, cmake")
set(CPACK_PACKAGE_DESCRIPTION_FILE ${PROJECT_SOURCE_DIR}/cmake/package_description.txt)
include(CPack)
