// Runs translated code on one thread without an engine: global memory is the host's, and nothing is checked.
#pragma once

#include "engine/Scheduler.h"
#include "translate/Translator.h"

#include <cstring>
#include <string>
#include <vector>

namespace ptxsim::test {

class TranslateRunner {
public:
  TranslateOptions options;

  explicit TranslateRunner() : shared(64 * 1024), local(64 * 1024), localShadow(64 * 1024) {}

  /// Parses the text and runs its first kernel with 64-bit parameters.
  void run(const std::string &text, std::vector<uint64_t> parameters) {
    module = ptx::parse(text, "test.ptx");
    const ptx::Function *kernel = nullptr;
    for (auto &function : module->functions)
      if (function->isEntry && !kernel)
        kernel = function.get();
    SymbolAddresses symbols;
    uint32_t next = kSharedStart;
    for (auto &function : module->functions)
      for (auto &variable : function->variables)
        if (variable->space == ptx::Space::Shared) {
          symbols.shared[variable.get()] = next;
          next += (variable->bytes + 15) / 16 * 16;
        }
    for (auto &variable : module->variables) {
      memory.emplace_back(variable->bytes + 64);
      uint8_t *start = memory.back().data();
      start += 64 - uintptr_t(start) % 64;
      std::memcpy(start, variable->initialiser.data(), variable->initialiser.size());
      symbols.address[variable.get()] = uint64_t(start);
    }
    translation = translate(*module, *kernel, symbols, options);

    Grid grid;
    Cta cta;
    Thread thread;
    grid.config.block = {32, 1, 1};
    cta.grid = &grid;
    cta.id[0] = 3;
    thread.tid[0] = thread.lane = thread.linear = 5;
    thread.tid[1] = thread.tid[2] = 0;
    thread.fuel = ~0u;
    thread.shared = shared.data();
    thread.sharedEnd = shared.size();
    thread.local = local.data();
    thread.localBytes = local.size();
    thread.localShadow = localShadow.data();
    thread.parameters = reinterpret_cast<const uint8_t *>(parameters.data());
    thread.globalLow = 1;
    thread.globalHigh = ~uint64_t(0);
    thread.cta = &cta;
    thread.grid = &grid;
    translation->entry(&thread);
  }

  std::unique_ptr<ptx::Module> module;
  std::unique_ptr<Translation> translation;
  std::vector<uint8_t> shared, local, localShadow;
  std::vector<std::vector<uint8_t>> memory;
};

/// Runs instructions on registers: %a0.. of `type` hold the inputs, %d0.. are stored afterwards. Types are .b16, .b32,
/// .b64; predicates %p0.. are at hand.
inline std::vector<uint64_t> evaluate(const std::string &body, const std::string &inputType,
                                      std::vector<uint64_t> inputs, const std::string &outputType, unsigned outputs = 1,
                                      TranslateOptions options = {}) {
  std::string text =
      ".version 9.0\n.target sm_90a\n.address_size 64\n.visible .entry k(.param .u64 in, .param .u64 out)\n"
      "{\n.reg .b64 %in, %out;\n.reg .pred %p<8>;\n.reg ." +
      inputType + " %a<16>;\n.reg ." + outputType +
      " %d<16>;\n.reg .b16 %h<16>;\n.reg .b32 %r<16>;\n.reg .b64 %l<16>;\n"
      "ld.param.u64 %in, [in];\nld.param.u64 %out, [out];\n";
  for (size_t k = 0; k < inputs.size(); ++k)
    text += "ld.global." + inputType + " %a" + std::to_string(k) + ", [%in+" + std::to_string(8 * k) + "];\n";
  text += body + "\n";
  for (unsigned k = 0; k < outputs; ++k)
    text += "st.global." + outputType + " [%out+" + std::to_string(8 * k) + "], %d" + std::to_string(k) + ";\n";
  text += "ret;\n}\n";
  std::vector<uint64_t> result(outputs);
  TranslateRunner runner;
  runner.options = options;
  runner.run(text, {uint64_t(inputs.data()), uint64_t(result.data())});
  return result;
}

/// Runs instructions once for each row of inputs, in one kernel: %a0.. are the row's `perRow` inputs, %d0 its result.
inline std::vector<uint64_t> evaluateRows(const std::string &body, const std::string &inputType, unsigned perRow,
                                          const std::vector<uint64_t> &inputs, const std::string &outputType) {
  std::string text =
      ".version 9.0\n.target sm_90a\n.address_size 64\n.visible .entry k(.param .u64 in, .param .u64 out, "
      ".param .u64 rows)\n{\n.reg .b64 %in, %out, %rows;\n.reg .pred %p<8>, %more;\n.reg ." +
      inputType + " %a<16>;\n.reg ." + outputType +
      " %d<4>;\n.reg .b16 %h<16>;\n.reg .b32 %r<16>;\n.reg .b64 %l<16>;\n"
      "ld.param.u64 %in, [in];\nld.param.u64 %out, [out];\nld.param.u64 %rows, [rows];\nNEXT:\n";
  for (unsigned k = 0; k < perRow; ++k)
    text += "ld.global." + inputType + " %a" + std::to_string(k) + ", [%in+" + std::to_string(8 * k) + "];\n";
  text += body + "\nst.global." + outputType + " [%out], %d0;\nadd.u64 %in, %in, " + std::to_string(8 * perRow) +
          ";\nadd.u64 %out, %out, 8;\nsub.u64 %rows, %rows, 1;\nsetp.ne.u64 %more, %rows, 0;\n@%more bra NEXT;\n"
          "ret;\n}\n";
  std::vector<uint64_t> result(inputs.size() / perRow);
  TranslateRunner().run(text, {uint64_t(inputs.data()), uint64_t(result.data()), result.size()});
  return result;
}

} // namespace ptxsim::test
