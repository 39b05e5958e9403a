// Files of torch.save that hold nothing but plain data, read in one call: the records, the pickle and the tensors.
// Whatever is unusual or goes wrong gives nothing, and the readers of lib/io have the word.
#include "plain_file.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#define AT_PER_OPERATOR_HEADERS
#include <ATen/ops/empty.h>

#include <cstring>
#include <new>
#include <string>

#include "errors.h"
#include "file_reading.h"
#include "plain_pickle.h"
#include "plain_steps.h"
#include "shared_memory.h"
#include "storage_view.h"
#include "zip_records.h"

namespace torchbridge {
namespace {

// What a storage's first byte in a file must be a multiple of to be mapped: the size of the largest element.
constexpr int64_t kMappedAlignment = 16;

c10::Storage empty_storage(int64_t nbytes) {
  return at::empty({nbytes}, at::TensorOptions().dtype(at::kByte)).storage();
}

// What `empty({0}).set_(storage, ...)` gives, without its two calls through the dispatcher: they would be half of the
// time that the first file of a process takes.
at::Tensor tensor_over(c10::Storage storage, at::ScalarType dtype, int64_t offset, at::IntArrayRef sizes,
                       at::IntArrayRef strides) {
  check_view(storage, dtype, offset, sizes, strides);
  at::Tensor made = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(c10::DispatchKey::CPU), c10::scalarTypeToTypeMeta(dtype));
  c10::TensorImpl* impl = made.unsafeGetTensorImpl();
  impl->set_sizes_and_strides(sizes, strides, offset);
  if (!made.is_inference()) impl->bump_version();
  return made;
}

// One file while it is read.
class PlainFile {
 public:
  PlainFile(const FileBytes& file, bool mapped) : file_(file), mapped_(mapped), records_(file) {}

  bool read() {
    if (!records_.read() || !is_little_endian() || !read_pickle() || !read_storages()) return false;
    make_tensors();
    steps_ = std::make_unique<PlainSteps>(*pickle_);
    return true;
  }

  const PlainSteps& steps() const { return *steps_; }
  // The i-th tensor of the steps, which is given away.
  at::Tensor take(size_t i) { return std::move(tensors_[steps_->tensors()[i]]); }

 private:
  // The contents of a record that is not larger than `most`; false where there is none like that, or it is damaged.
  bool read_record(std::string_view name, int64_t most, std::string& contents) const {
    const auto record = records_.find(name);
    if (!record || record->nbytes > most) return false;
    contents.resize(static_cast<size_t>(record->nbytes));
    return read_parts(file_, {{record->offset, record->nbytes, contents.data(), record->crc}}) == 0;
  }

  bool is_little_endian() const {
    std::string order;
    return !records_.has("byteorder") || (read_record("byteorder", 6, order) && order == "little");
  }

  bool read_pickle() {
    if (!read_record("data.pkl", PlainPickle::kLongest, pickled_)) return false;
    pickle_ = std::make_unique<PlainPickle>(pickled_);
    return pickle_->read();
  }

  bool read_storages() {
    std::vector<FilePart> parts;
    std::string name;
    for (const PlainStorage& each : pickle_->storages()) {
      name.assign("data/").append(each.key);
      const auto record = records_.find(name);
      if (!record || record->nbytes != each.nbytes) return false;
      if (mapped_ && record->offset % kMappedAlignment == 0) {
        storages_.push_back(map(*record));
        continue;
      }
      storages_.push_back(empty_storage(record->nbytes));
      auto* target = static_cast<char*>(storages_.back().mutable_data());
      parts.push_back({record->offset, record->nbytes, target, mapped_ ? -1 : record->crc});
    }
    return read_parts(file_, parts) == 0;
  }

  // A part of the file's pages, which it keeps.
  c10::Storage map(const ZipRecord& record) {
    if (record.nbytes == 0) return empty_storage(0);
    if (!pages_) {
      at::DataPtr data = map_pages(file_.descriptor, static_cast<size_t>(file_.size));
      if (data == nullptr) throw BridgeError("runtime", "a file that cannot be mapped");
      pages_ = storage_over(std::move(data), file_.size);
    }
    SharedMemory* memory = SharedMemory::of(*pages_.unsafeGetStorageImpl());
    auto* start = static_cast<char*>(pages_.mutable_data());
    return storage_over(memory->pointer(start + record.offset), record.nbytes);
  }

  void make_tensors() {
    for (const PlainTensor& each : pickle_->tensors()) {
      if (each.data >= 0) {
        const at::NoGradGuard no_grad;
        tensors_.push_back(tensors_[static_cast<size_t>(each.data)].detach());
      } else {
        const int64_t* sizes = pickle_->numbers(each.sizes);
        tensors_.push_back(tensor_over(storages_[each.storage], pickle_->storages()[each.storage].dtype, each.offset,
                                       {sizes, each.dimensions}, {sizes + each.dimensions, each.dimensions}));
      }
      if (each.requires_grad) tensors_.back().set_requires_grad(true);
    }
  }

  FileBytes file_;
  bool mapped_;
  ZipRecords records_;
  std::string pickled_;
  std::unique_ptr<PlainPickle> pickle_;
  std::unique_ptr<PlainSteps> steps_;
  c10::Storage pages_;
  std::vector<c10::Storage> storages_;
  std::vector<at::Tensor> tensors_;
};

// No error of this reader reaches anyone: the other one meets it again, and tells it in its own words.
std::unique_ptr<PlainFile> opened(const FileBytes& file, bool mapped) {
  try {
    auto plain = std::make_unique<PlainFile>(file, mapped);
    return plain->read() ? std::move(plain) : nullptr;
  } catch (const std::exception&) {
    return nullptr;
  }
}

napi_value list_of(Call& call, const std::vector<std::string_view>& texts) {
  napi_value list = nullptr;
  call.check(napi_create_array_with_length(call.env(), texts.size(), &list));
  for (size_t i = 0; i < texts.size(); ++i) {
    napi_value text = nullptr;
    call.check(napi_create_string_latin1(call.env(), texts[i].data(), texts[i].size(), &text));
    call.check(napi_set_element(call.env(), list, static_cast<uint32_t>(i), text));
  }
  return list;
}

template <typename T>
T* typed_array(Call& call, napi_typedarray_type type, size_t count, napi_value& array) {
  void* data = nullptr;
  napi_value buffer = nullptr;
  call.check(napi_create_arraybuffer(call.env(), count * sizeof(T), &data, &buffer));
  call.check(napi_create_typedarray(call.env(), type, count, buffer, 0, &array));
  return static_cast<T*>(data);
}

// readPlainFile(descriptor, bytes, size, mapped): the value of a file, `[texts, steps, handles]` as plain_steps.h
// tells, or undefined. A negative descriptor stands for `bytes`.
napi_value read_plain_file(Call& call) {
  const int descriptor = call.int32(0);
  const auto [bytes, nbytes] = call.bytes(1);
  const double given = call.number(2);
  if (!(given >= 0 && given <= 9007199254740991.0)) throw BridgeError("value", "Expected the size of a file");
  const bool in_memory = descriptor < 0;
  const FileBytes file{descriptor, in_memory ? bytes : nullptr,
                       in_memory ? static_cast<int64_t>(nbytes) : static_cast<int64_t>(given)};
  if (in_memory && bytes == nullptr) return call.undefined();
  const auto plain = opened(file, call.boolean(3) && !in_memory);
  if (plain == nullptr) return call.undefined();
  const PlainSteps& steps = plain->steps();
  napi_value result = nullptr;
  napi_value cells = nullptr;
  napi_value handles = nullptr;
  call.check(napi_create_array_with_length(call.env(), 3, &result));
  call.check(napi_set_element(call.env(), result, 0, list_of(call, steps.texts())));
  auto* target = typed_array<double>(call, napi_float64_array, steps.cells().size(), cells);
  std::memcpy(target, steps.cells().data(), steps.cells().size() * sizeof(double));
  call.check(napi_set_element(call.env(), result, 1, cells));
  // The handles come last: whatever fails before leaves nothing behind.
  auto* slots = typed_array<int32_t>(call, napi_int32_array, steps.tensors().size(), handles);
  call.check(napi_set_element(call.env(), result, 2, handles));
  for (size_t i = 0; i < steps.tensors().size(); ++i) {
    slots[i] = call.data().tensors.put(plain->take(i));
  }
  return result;
}

}  // namespace

std::vector<Function> plain_file_functions() { return {{"readPlainFile", &guarded<read_plain_file>}}; }

}  // namespace torchbridge
