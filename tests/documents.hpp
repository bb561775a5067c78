#pragma once
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mnemo/mnemo.hpp>
#include <span>
#include <vector>

/// What the code blocks of documents and comments may take for granted; see documents.py.
namespace documents {

struct Entry {
  const char* document;
  int line;
  void (*run)(int& line);  ///< sets it to what it is at
};
extern const std::vector<Entry> entries;  // made by documents.py

/// Each block gets these anew.
struct Names {
  mnemo::Rng rng{1};
  bool resume = false;
  std::filesystem::path path = "checkpoint.npz";
  mnemo::Tensor x = rng.normal({8, 3});
  mnemo::Tensor images = mnemo::cast(rng.integers({100, 28, 28}, 0, 256), mnemo::DType::uint8);
  mnemo::Tensor noise = rng.normal({8, 3});
  mnemo::Tensor picture;
  mnemo::nn::Dense generator{3, 2, rng};
  mnemo::Variables parameters = generator.parameters();
  mnemo::optim::Adam optimizer{parameters};
  mnemo::optim::GradientAccumulator accumulator{parameters};
  mnemo::optim::ExponentialMovingAverage average{parameters};
  mnemo::io::Batches batches{{images}};
  mnemo::TrainingState state{{"optimizer", optimizer}};
  mnemo::Tensor loss = mnemo::mean(mnemo::square(generator(noise)));
};

}  // namespace documents
