// The recording of calls, and the addon's functions for it.
#include <c10/core/GradMode.h>

#include "deferred.h"

namespace torchbridge {
namespace {

// Which of the given values the overload writes to.
struct Written {
  bool at[kMostArguments] = {};
  bool any = false;
};

Written written_by(const Overload& overload, const Binding& binding) {
  Written written;
  const auto& arguments = overload.handle.schema().arguments();
  for (size_t i = 0; i < arguments.size(); ++i) {
    const auto* alias = arguments[i].alias_info();
    if (alias == nullptr || !alias->isWrite()) continue;
    const int32_t given = binding.given[i] == kOutList ? binding.out_list : binding.given[i];
    if (given < 0) continue;
    written.at[given] = true;
    written.any = true;
  }
  return written;
}

bool draws(const Overload& overload) { return overload.handle.hasTag(at::Tag::nondeterministic_seeded); }

// A tensor of its own over the same memory: JavaScript may exchange what stands behind the original meanwhile.
at::Tensor alias_of(const at::Tensor& tensor) {
  auto* const self = tensor.unsafeGetTensorImpl();
  return at::Tensor(self->shallow_copy_and_detach(self->version_counter(), /*allow_tensor_metadata_change=*/true));
}

constexpr size_t kMostResults = 1024;

}  // namespace

int32_t Deferred::local_of(int32_t handle, bool written, const Overload& overload) {
  const auto found = pending_.find(handle);
  if (found != pending_.end()) {
    if (found->second.job == recording_) return found->second.local;
    if (!found->second.job->done) return recording_->import(found->second.job, found->second.local);
  }
  const at::Tensor tensor = environment_.tensors.get(handle);
  if (c10::GradMode::is_enabled() && tensor.requires_grad()) {
    throw BridgeError("runtime", "Expected no gradients to be recorded in an asynchronous call but " + overload.name +
                                     " received a tensor that requires them while recording is on: use call()");
  }
  if (written && overload.outs > 0) {
    throw BridgeError("runtime",
                      "Expected no out of an asynchronous call's surroundings: it may be resized; return the result");
  }
  if (written && (overload.handle.hasTag(at::Tag::inplace_view) || !tensor.has_storage())) {
    throw BridgeError("runtime", "Expected a tensor made inside the asynchronous call for " + overload.name +
                                     ", which changes more than elements");
  }
  recording_->touch(tensor, written);
  const int32_t local = recording_->put(alias_of(tensor));
  recording_->locals.push_back(local);  // borrowed until the step has run
  return local;
}

// Copies the arguments to the job's tape, with the job's own numbers for tensors and generators.
Step Deferred::write_down(const Operator& op, const Overload& overload, const Given& given, const Binding& binding) {
  Job& job = *recording_;
  const Tape& tape = environment_.tape;
  Step step;
  step.op = &op;
  step.overload = &overload;
  step.cells = job.cells.size();
  step.size = given.end;
  step.state = job.current_state();
  step.borrowed = job.locals.size();
  for (size_t i = 0; i < given.end; ++i) job.cells.push_back(tape.at(i));
  Tape copy(job.cells.data() + step.cells, step.size);
  const Written written = written_by(overload, binding);
  for (size_t i = 0; i < given.positional + given.named; ++i) {
    each_value(tape, given.at[i], [&](size_t p) {
      if (tape.tag(p) == Tag::kTensor) {
        copy.put(p + 1, local_of(tape.handle(p), written.at[i], overload));
      } else if (tape.tag(p) == Tag::kGenerator) {
        copy.put(p + 1, job.put(environment_.generators.get(tape.handle(p))));
      }
    });
  }
  step.borrowed_count = job.locals.size() - step.borrowed;
  job.random = job.random || draws(overload);
  for (size_t i = 0; i < overload.arguments.size(); ++i) {
    if (overload.arguments[i].kind != Kind::kDevice || binding.given[i] < 0) continue;
    const size_t p = given.at[binding.given[i]];
    job.on_cpu = job.on_cpu && (tape.tag(p) != Tag::kString || tape.string(p) == "cpu");
  }
  return step;
}

int32_t Deferred::new_result() {
  const int32_t local = recording_->reserve();
  recording_->locals.push_back(local);
  const int32_t handle = environment_.tensors.reserve();
  pending_[handle] = {recording_, local};
  return handle;
}

napi_value Deferred::record(Call& call, const Operator& op, const Overload& overload, const Given& given,
                            const Binding& binding) {
  if (recording_->failure)
    throw BridgeError("runtime", "the asynchronous call has failed: " + recording_->failure->message);
  const auto& returns = overload.handle.schema().returns();
  bool lists = false;
  for (size_t r = 0; r < returns.size(); ++r) {
    if (returned_argument(overload, binding, r) >= 0) continue;
    const auto type = returns[r].real_type();
    const bool list = type->kind() == c10::TypeKind::ListType &&
                      type->castRaw<c10::ListType>()->getElementType()->kind() == c10::TypeKind::TensorType;
    lists = lists || list;
    if (list || type->kind() == c10::TypeKind::TensorType) continue;
    catch_up(("the value of " + op.name + " was asked for").c_str());
    return nullptr;
  }
  Step step = write_down(op, overload, given, binding);
  std::vector<size_t> counts(returns.size(), 0);
  if (lists) {
    const auto foreseen = recording_->foresee_next(step);
    size_t all = 0;
    for (size_t r = 0; foreseen && r < foreseen->size(); ++r) {
      if ((*foreseen)[r].isTensorList()) all += counts[r] = (*foreseen)[r].toListRef().size();
    }
    if (!foreseen || all > kMostResults) {
      catch_up(("the number of tensors that " + op.name + " returns was asked for").c_str());
      return nullptr;
    }
  }
  step.results = recording_->locals.size();
  Tape& tape = environment_.tape;
  size_t p = 0;
  tape.put(p++, static_cast<double>(returns.size()));
  int32_t only = 0;
  for (size_t r = 0; r < returns.size(); ++r) {
    const int32_t argument = returned_argument(overload, binding, r);
    if (argument >= 0) {
      only = kFirstArgument - argument;
      tape.put(p++, static_cast<double>(Tag::kSkip));
      tape.put(p++, argument);
      continue;
    }
    const bool list = returns[r].real_type()->kind() == c10::TypeKind::ListType;
    if (list) {
      only = kOnTape;
      tape.put(p++, static_cast<double>(Tag::kList));
      tape.put(p++, static_cast<double>(counts[r]));
    }
    for (size_t k = list ? counts[r] : 1; k > 0; --k) {
      const int32_t handle = new_result();
      if (!list) only = handle;
      tape.put(p++, static_cast<double>(Tag::kTensor));
      tape.put(p++, handle);
    }
  }
  step.result_count = recording_->locals.size() - step.results;
  recording_->append(step);
  const napi_value result = call.from(returns.size() == 1 ? only : kOnTape);
  // A stack costs more than all the rest, so only calls that did not go well without elements leave theirs.
  if (!recording_->foresee_all()) call_hook(trace, call.from(recording_->calls - 1));
  return result;
}

void Deferred::keep_order(const Overload& overload, const Given& given, const Binding& binding) {
  if (draws(overload)) wait_for_random();
  const Tape& tape = environment_.tape;
  const Written written = written_by(overload, binding);
  bool conflict = false;
  for (size_t i = 0; i < given.positional + given.named; ++i) {
    each_value(tape, given.at[i], [&](size_t p) {
      if (tape.tag(p) != Tag::kTensor) return;
      const at::Tensor tensor = environment_.tensors.get(tape.handle(p));
      for (const auto& each : submitted_) {
        if (each.job->done) continue;
        conflict = conflict || each.job->writes(tensor) || (written.at[i] && each.job->reads(tensor));
      }
    });
  }
  if (conflict) catch_up("a tensor was used that an asynchronous call changes, or changed that one reads");
}

namespace {

Deferred& deferred_of(Call& call) {
  Environment& data = call.data();
  if (data.deferred == nullptr) data.deferred = std::make_shared<Deferred>(call.env(), data);
  return *data.deferred;
}

napi_value begin(Call& call) {
  deferred_of(call).begin();
  return call.undefined();
}

napi_value submit(Call& call) {
  deferred_of(call).submit(call.value(0));
  return call.undefined();
}

napi_value abandon(Call& call) {
  deferred_of(call).abandon();
  return call.undefined();
}

napi_value stop(Call& call) {
  deferred_of(call).stop();
  return call.undefined();
}

// setDeferredHooks(trace, warn)
napi_value set_hooks(Call& call) {
  Deferred& deferred = deferred_of(call);
  call.check(napi_create_reference(call.env(), call.value(0), 1, &deferred.trace));
  call.check(napi_create_reference(call.env(), call.value(1), 1, &deferred.warn));
  return call.undefined();
}

}  // namespace

std::vector<Function> deferred_functions() {
  return {
      {"beginDeferred", &guarded<begin>},        {"submitDeferred", &guarded<submit>},
      {"abandonDeferred", &guarded<abandon>},    {"stopDeferred", &guarded<stop>},
      {"setDeferredHooks", &guarded<set_hooks>},
  };
}

}  // namespace torchbridge
