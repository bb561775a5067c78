#pragma once

namespace examples {

/// From now on SIGINT, SIGTERM and SIGHUP only ask the program to stop, so that it can finish its step
/// and save. The third of them ends it at once.
void catch_stop_signals();

/// Whether it was asked to.
bool stop_requested();

}  // namespace examples
