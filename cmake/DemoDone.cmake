# Says what the demo has left in the folder RUN, seen from the current folder.
file(GLOB checkpoints RELATIVE ${CMAKE_CURRENT_BINARY_DIR} ${RUN}/step_*.npz)
file(GLOB pictures RELATIVE ${CMAKE_CURRENT_BINARY_DIR} ${RUN}/samples_*.png)
list(SORT checkpoints)
list(SORT pictures)
if(NOT checkpoints OR NOT pictures)
  message(FATAL_ERROR "the demo left no checkpoint or no picture in ${RUN}")
endif()
list(GET checkpoints -1 checkpoint)
list(GET pictures -1 picture)
message(NOTICE "
Pictures:     ${picture} and the earlier ones beside it
Checkpoints:  ${checkpoint}
In Python:    ${PYTHON} -c 'import numpy; print(numpy.load(\"${checkpoint}\")[\"generator_optimizer/exp_avg/up1/weight\"].std())'
A closer look: io/inspect.py ls ${checkpoint}
The whole run: io/inspect.py plot ${RUN}")
