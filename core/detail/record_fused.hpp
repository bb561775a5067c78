#pragma once
// The body of record_fused, kept out of the header that people read.

namespace mnemo {
namespace detail {

template <class Definition, std::size_t... index>
void differentiate_definition(Pullback& back, const Definition& definition,
                              std::index_sequence<index...>) {
  const Tensor value = definition(back.input(index)...);
  std::vector<Tensor> wanted;
  ((back.wants(index) ? wanted.push_back(back.input(index)) : void()), ...);
  std::vector<Tensor> gradients =
      grad({value}, wanted,
           {.create_graph = true, .allow_unused = true, .grad_outputs = {back.gradient()}});
  std::size_t next = 0;
  ((back.wants(index) ? back.give(index, std::move(gradients[next++])) : void()), ...);
}

}  // namespace detail

template <class Gradients, class Definition, class... Inputs>
Tensor record_fused(const char* name, Tensor result, Keep keep, Gradients gradients,
                    Definition definition, const Inputs&... inputs) {
  const auto rule = [gradients = std::move(gradients),
                     definition = std::move(definition)](Pullback& back) {
    if (recording()) {
      detail::differentiate_definition(back, definition, std::index_sequence_for<Inputs...>{});
    } else {
      gradients(back);
    }
  };
  return record(name, std::move(result), keep, rule, inputs...);
}

}  // namespace mnemo
