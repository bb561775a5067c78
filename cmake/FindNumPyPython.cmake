# Finds a Python 3 that has NumPy, which the first python3 on the path need not have.
#   NumPyPython_FOUND, MNEMO_PYTHON (its path; set it to choose one yourself)
function(_mnemo_has_numpy python result)
  execute_process(COMMAND ${python} -c "import sys, numpy; assert sys.version_info >= (3, 9)"
                  RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
  if(status EQUAL 0)
    set(${result} TRUE PARENT_SCOPE)
  else()
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()

if(MNEMO_PYTHON)
  set(_candidates ${MNEMO_PYTHON})
else()
  find_program(MNEMO_PYTHON_ON_PATH python3)
  mark_as_advanced(MNEMO_PYTHON_ON_PATH)
  set(_candidates /usr/bin/python3 /usr/local/bin/python3)
  if(MNEMO_PYTHON_ON_PATH)
    list(PREPEND _candidates ${MNEMO_PYTHON_ON_PATH})
  endif()
endif()

set(_found)
foreach(_candidate ${_candidates})
  _mnemo_has_numpy(${_candidate} _usable)
  if(_usable)
    set(_found ${_candidate})
    break()
  endif()
endforeach()

include(FindPackageHandleStandardArgs)
string(JOIN ", " _tried ${_candidates})
find_package_handle_standard_args(NumPyPython REQUIRED_VARS _found REASON_FAILURE_MESSAGE
  "tried ${_tried}: none is Python 3.9 or later with NumPy.
   On Debian: apt-get install python3-numpy (./install-deps.sh does it).
   Or choose one with -DMNEMO_PYTHON=/path/to/python3, or go without tests with -DMNEMO_TESTS=OFF.")
if(_found)
  set(MNEMO_PYTHON ${_found} CACHE FILEPATH "A Python 3 that has NumPy")
endif()
