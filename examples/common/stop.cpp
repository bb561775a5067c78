#include "common/stop.hpp"

#include <csignal>

namespace examples {
namespace {

volatile std::sig_atomic_t requests = 0;

void on_signal(int signal) {
  requests = requests + 1;
  if (requests < 3) return;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;  // a write to a file in progress is not to fail
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // The terminal was closed; unless it was started with nohup, which ignores that.
  struct sigaction before {};
  sigaction(SIGHUP, nullptr, &before);
  if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);
}

bool stop_requested() { return requests > 0; }

}  // namespace examples
