#include "graph/lowering/executable.h"

#include <algorithm>

#include "base/checked.h"

namespace mien {

bool WeightForm::plain() const {
  const FastOp* const fast = std::get_if<FastOp>(&kernel);
  return fast != nullptr && std::holds_alternative<std::monostate>(*fast);
}

bool WeightForm::operator==(const WeightForm& other) const {
  if (tensors != other.tensors || kernel.index() != other.kernel.index() || plain() != other.plain()) return false;
  if (plain()) return bytes == other.bytes;  // two views of one tensor are one form
  if (const CpuOp* const cpu = std::get_if<CpuOp>(&kernel))
    return OpSamePacking(cpu->op, shapes, std::get<CpuOp>(other.kernel).op, other.shapes);
  return shapes == other.shapes && FastSameWeights(std::get<FastOp>(kernel), std::get<FastOp>(other.kernel));
}

std::string WeightForm::tensor_names() const {
  std::string names;
  for (const std::string& tensor : tensors) names += tensor + "\n";
  return names;
}

uint64_t WeightForm::loading_bytes() const {
  uint64_t total = 0;
  for (size_t i = 0; i < tensors.size() && !plain(); ++i) {
    if (!tensors[i].empty())
      total += *CheckedAlignUp(sizeof(float) * static_cast<uint64_t>(shapes[i].elements()), kHostAlignment);
  }
  return total;
}

void WeightForm::Pack(Inputs<float> sources, std::byte* packed) const {
  if (const CpuOp* const cpu = std::get_if<CpuOp>(&kernel)) {
    OpPack(cpu->op, sources, reinterpret_cast<float*>(packed));
  } else {
    FastPack(std::get<FastOp>(kernel), sources, packed);
  }
}

FastCost Executable::TotalCost() const {
  FastCost total;
  for (const Call& call : calls) {
    if (const CpuOp* const cpu = std::get_if<CpuOp>(&call.kernel)) {
      const Cost cost = OpCount(cpu->op, cpu->in);
      total += FastCost{1, cost.products, cost.bytes};
    } else {
      total += FastCount(call.fast());
    }
  }
  return total;
}

ValueId Executable::AddValue(Value value) {
  values.push_back(std::move(value));
  return static_cast<ValueId>(values.size()) - 1;
}

ValueId Executable::AddWeight(WeightForm form) {
  Value value = {Value::Kind::kWeight, form.bytes, "", static_cast<int>(forms.size())};
  for (const std::string& tensor : form.tensors) {
    if (value.name.empty()) value.name = tensor;
  }
  forms.push_back(std::move(form));
  return AddValue(std::move(value));
}

void Executable::RunInOrder() {
  for (Call& call : calls) {
    steps.push_back({plan_steps, {}, 0});
    call.plan_step = plan_steps++;
  }
}

}  // namespace mien
