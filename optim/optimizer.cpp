#include "mnemo/optim/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "mnemo/core/detail/dispatch.hpp"
#include "mnemo/core/detail/parallel.hpp"
#include "mnemo/core/grad.hpp"
#include "mnemo/optim/detail/pieces.hpp"

namespace mnemo::optim {
namespace {

// Beyond this a count is no longer exact as a double, which bias corrections compute in.
constexpr std::int64_t most_steps = std::int64_t{1} << 53;

using detail::fail;

void expect_float(const char* kind, const Variable& parameter) {
  const DType dtype = parameter.tensor.dtype();
  if (dtype == DType::float32 || dtype == DType::float64) return;
  fail(kind, ": parameter '", parameter.name, "' is of ", dtype,
       "; only float32 and float64 can be trained");
}

// Blocks of several parameters are written at once, so one tensor may not be there twice.
void expect_distinct(const char* kind, const Variables& parameters) {
  std::map<const Storage*, const Variable*> owners;
  for (const Variable& parameter : parameters) {
    const auto [owner, added] = owners.emplace(parameter.tensor.storage().get(), &parameter);
    if (added) continue;
    fail(kind, ": parameters '", owner->second->name, "' and '", parameter.name,
         "' are the same tensor");
  }
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

}  // namespace

/// What one step does to one parameter.
struct Optimizer::Job {
  Tensor gradient;
  void* parameter;
  std::array<void*, Block<float>::max_moments> moments;
  std::size_t group;
  std::int64_t step;
};

Optimizer::Optimizer(const char* kind, const Variables& parameters, std::vector<GroupRules> groups)
    : kind_(kind),
      parameters_(parameters),
      groups_(std::move(groups)),
      group_of_(parameters.size(), 0),
      step_(zeros({}, DType::int64)),
      skipped_(parameters.size()) {
  if (parameters_.empty()) fail(kind_, ": there are no parameters");
  for (const Variable& parameter : parameters_) expect_float(kind_, parameter);
  expect_distinct(kind_, parameters_);
  divide_into_groups();
  for (const Variable& parameter : parameters_) written_.insert(parameter.tensor.storage().get());

  state_.add("step", step_);
  initial_.push_back(0.0);
  constexpr double unbounded = std::numeric_limits<double>::infinity();
  std::vector<double> rates;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    expect_within("weight_decay", i, groups_[i].weight_decay, 0.0, unbounded);
    rates.push_back(groups_[i].learning_rate);
  }
  add_number("learning_rate", rates, 0.0, unbounded);
}

std::string Optimizer::of_group(std::size_t group) const {
  return group == 0 ? "" : " of group '" + groups_[group].name + "'";
}

void Optimizer::divide_into_groups() {
  for (std::size_t group = 1; group < groups_.size(); ++group) {
    const auto same_name = [&](const GroupRules& other) {
      return other.name == groups_[group].name;
    };
    if (std::any_of(groups_.begin(), groups_.begin() + static_cast<std::ptrdiff_t>(group),
                    same_name)) {
      fail(kind_, ": there are two groups of the name '", groups_[group].name, "'");
    }
    for (const std::string& pattern : groups_[group].parameters) {
      bool found = false;
      for (std::size_t i = 0; i < parameters_.size(); ++i) {
        if (!matches(pattern, parameters_[i].name)) continue;
        found = true;
        if (group_of_[i] != 0 && group_of_[i] != group) {
          fail(kind_, ": parameter '", parameters_[i].name, "' is in the groups '",
               groups_[group_of_[i]].name, "' and '", groups_[group].name, "'");
        }
        group_of_[i] = group;
      }
      if (!found) {
        fail(kind_, ": '", pattern, "'", of_group(group), " matches none of the ",
             parameters_.size(), " parameters");
      }
    }
  }
}

std::size_t Optimizer::group_of_name(std::string_view name) const {
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i].name == name) return i;
  }
  fail(kind_, ": there is no group '", name, "'");
}

void Optimizer::set_learning_rate(double rate, std::string_view name) {
  const std::size_t group = group_of_name(name);
  const Number& rates = numbers_.front();
  expect_within(rates.name, group, rate, rates.low, rates.high);
  *rates.values[group].mutable_data<double>() = rate;
}

Variables Optimizer::learning_rates() const {
  Variables rates;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    rates.add(state_[i + 1].name, numbers_.front().values[i]);
  }
  return rates;
}

void Optimizer::reset(const std::string& pattern) {
  state_.select(pattern);  // throws where there is none
  for (std::size_t i = 0; i < state_.size(); ++i) {
    if (matches(pattern, state_[i].name)) state_[i].tensor.fill(initial_[i]);
  }
}

void Optimizer::expect_within(const char* option, std::size_t group, double value, double low,
                              double high) const {
  if (value >= low && value < high) return;
  fail(kind_, ": ", option, of_group(group), " is ", value, ", outside [", low, ", ", high, ")");
}

void Optimizer::add_number(const char* name, const std::vector<double>& initial, double low,
                           double high) {
  Number& number = numbers_.emplace_back(Number{name, low, high, {}});
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    expect_within(name, i, initial[i], low, high);
    number.values.push_back(scalar(initial[i], DType::float64));
    state_.add(i == 0 ? name : std::string(name) + "/" + groups_[i].name, number.values.back());
    initial_.push_back(initial[i]);
  }
}

// [group][number], as they are at present.
std::vector<std::vector<double>> Optimizer::numbers() const {
  std::vector<std::vector<double>> result(groups_.size());
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    for (const auto& [name, low, high, values] : numbers_) {
      result[group].push_back(values[group].item());
      expect_within(name, group, result[group].back(), low, high);
    }
  }
  return result;
}

void Optimizer::add_moment(const std::string& name, const std::vector<bool>& wanted,
                           const std::vector<double>& initial) {
  std::vector<Tensor>& tensors = moments_.emplace_back(parameters_.size());
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const std::size_t group = group_of_[i];
    if (!wanted[group]) continue;
    tensors[i] = full(parameters_[i].tensor.shape(), initial[group], parameters_[i].tensor.dtype());
    state_.add(name + "/" + parameters_[i].name, tensors[i]);
    initial_.push_back(initial[group]);
    written_.insert(tensors[i].storage().get());
  }
}

void Optimizer::count_updates(const std::vector<bool>& wanted) {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const std::size_t group = group_of_[i];
    if (!wanted[group] || groups_[group].missing_gradient == MissingGradient::error) continue;
    skipped_[i] = zeros({}, DType::int64);
    state_.add("skipped/" + parameters_[i].name, skipped_[i]);
    initial_.push_back(0.0);
  }
}

bool Optimizer::is_frozen(std::size_t parameter) const {
  return groups_[group_of_[parameter]].frozen || !parameters_[parameter].tensor.requires_grad();
}

// The gradient of a parameter, if it fits, in memory that the step does not write.
Tensor Optimizer::checked(std::size_t parameter, const Tensor& gradient) const {
  const auto& [name, tensor] = parameters_[parameter];
  if (!(gradient.shape() == tensor.shape()) || gradient.dtype() != tensor.dtype()) {
    fail(kind_, ": the gradient of '", name, "' is ", gradient.shape(), " of ", gradient.dtype(),
         ", the parameter is ", tensor.shape(), " of ", tensor.dtype());
  }
  // What only `gradient` leads to is not ours; to look that up takes as long as a small update.
  if (gradient.exclusive() || !written_.contains(gradient.storage().get())) return gradient;
  return gradient.clone();
}

// The gradients in the order of the parameters; undefined for those that are left out.
std::vector<Tensor> Optimizer::matched(const Variables& gradients) const {
  std::vector<Tensor> result(parameters_.size());
  std::vector<std::string> missing;
  std::size_t used = 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const std::string& name = parameters_[i].name;
    // Gradients nearly always come in the order of the parameters.
    const bool in_place = i < gradients.size() && gradients[i].name == name;
    const Tensor* const gradient = in_place ? &gradients[i].tensor : gradients.find(name);
    if (gradient) ++used;
    if (is_frozen(i)) continue;
    if (gradient) {
      result[i] = checked(i, *gradient);
    } else if (groups_[group_of_[i]].missing_gradient == MissingGradient::error) {
      missing.push_back(name);
    }
  }
  if (!missing.empty()) {
    fail(kind_, ": there is no gradient for ",
         missing.size() == 1 ? "parameter " : "the parameters ", listed(missing));
  }
  if (used == gradients.size()) return result;
  for (const Variable& gradient : gradients) {
    if (!parameters_.contains(gradient.name)) {
      fail(kind_, ": gradient '", gradient.name, "' belongs to none of the parameters");
    }
  }
  return result;
}

std::int64_t Optimizer::updates(std::size_t parameter, std::int64_t step) const {
  if (!skipped_[parameter].defined()) return step;
  const std::int64_t skipped = *skipped_[parameter].data<std::int64_t>();
  if (skipped >= 0 && skipped < step) return step - skipped;
  fail(kind_, ": 'skipped/", parameters_[parameter].name, "' is ", skipped, " at step ", step,
       "; it must be at least 0 and less");
}

std::vector<Optimizer::Job> Optimizer::jobs_for(const std::vector<Tensor>& gradients,
                                                std::int64_t step) const {
  std::vector<Job> jobs;
  jobs.reserve(parameters_.size());
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!gradients[i].defined()) continue;
    jobs.push_back({gradients[i], nullptr, {}, group_of_[i], updates(i, step)});
  }
  // Only now that nothing can fail any more: asking for memory to write counts as a write.
  auto job = jobs.begin();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!gradients[i].defined()) continue;
    job->parameter = parameters_[i].tensor.mutable_raw();
    for (std::size_t k = 0; k < moments_.size(); ++k) {
      if (moments_[k][i].defined()) job->moments[k] = moments_[k][i].mutable_raw();
    }
    ++job;
  }
  return jobs;
}

template <class T>
void Optimizer::run(const Job& job, const std::vector<double>& numbers, std::int64_t begin,
                    std::int64_t end) const {
  const GroupRules& rules = groups_[job.group];
  const double learning_rate = numbers.front();
  const auto at = [begin](void* data) { return data ? static_cast<T*>(data) + begin : nullptr; };
  Block<T> block{.count = end - begin,
                 .parameter = at(job.parameter),
                 .gradient = job.gradient.data<T>() + begin,
                 .moments = {},
                 .sign = T(rules.maximize ? -1 : 1),
                 .coupled = T(rules.decoupled ? 0.0 : rules.weight_decay),
                 .keep = T(rules.decoupled ? 1.0 - learning_rate * rules.weight_decay : 1.0),
                 .learning_rate = learning_rate,
                 .numbers = numbers.data() + 1,
                 .step = job.step,
                 .group = job.group};
  for (std::size_t k = 0; k < job.moments.size(); ++k) block.moments[k] = at(job.moments[k]);
  update(block);
}

std::vector<std::string> Optimizer::step(const Variables& gradients) {
  const std::vector<Tensor> given = matched(gradients);
  if (steps() < 0 || steps() >= most_steps) {
    fail(kind_, ": 'step' is ", steps(), ", which cannot be a number of steps taken");
  }
  const std::vector<std::vector<double>> present = numbers();
  const std::vector<Job> jobs = jobs_for(given, steps() + 1);
  ++*step_.mutable_data<std::int64_t>();
  std::vector<std::string> left_out;
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i].defined()) continue;
    left_out.push_back(parameters_[i].name);
    if (skipped_[i].defined()) ++*skipped_[i].mutable_data<std::int64_t>();
  }

  std::vector<std::int64_t> elements;
  elements.reserve(jobs.size());
  for (const Job& job : jobs) elements.push_back(job.gradient.elements());
  const std::vector<detail::Piece> pieces = detail::pieces_of(elements);
  detail::parallel_blocks(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t number) {
    const detail::Piece& piece = pieces[static_cast<std::size_t>(number)];
    const Job& job = jobs[piece.tensor];
    detail::with_float_type(kind_, job.gradient.dtype(), [&]<class T>(std::type_identity<T>) {
      run<T>(job, present[job.group], piece.begin, piece.end);
    });
  });
  return left_out;
}

std::vector<std::string> Optimizer::minimize(const Tensor& loss) {
  Variables trained;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!is_frozen(i)) trained.add(parameters_[i].name, parameters_[i].tensor);
  }
  return step(grad(loss, trained, {.allow_unused = true}));
}

}  // namespace mnemo::optim
