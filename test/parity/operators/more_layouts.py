"""Calls that PyTorch's table of operators has not: sparse tensors."""
import torch


def sparse():
    x, y = torch.randn(4, 6).relu(), torch.randn(6, 3)
    square = torch.randn(4, 4).relu()
    coo, csr, csc = x.to_sparse(), x.to_sparse_csr(), x.to_sparse_csc()
    bsr, bsc = x.to_sparse_bsr([2, 2]), x.to_sparse_bsc([2, 2])
    indices, values = coo.indices(), coo.values()
    yield lambda: torch.sparse_coo_tensor(indices, values, [4, 6])
    yield lambda: torch.sparse_coo_tensor(indices, values)
    yield lambda: torch.sparse_csr_tensor(csr.crow_indices(), csr.col_indices(), csr.values(), [4, 6])
    yield lambda: torch.sparse_csc_tensor(csc.ccol_indices(), csc.row_indices(), csc.values(), [4, 6])
    yield lambda: torch.sparse_bsr_tensor(bsr.crow_indices(), bsr.col_indices(), bsr.values(), [4, 6])
    yield lambda: torch.sparse_bsc_tensor(bsc.ccol_indices(), bsc.row_indices(), bsc.values(), [4, 6])
    yield lambda: torch.sparse_compressed_tensor(csr.crow_indices(), csr.col_indices(), csr.values(), [4, 6], layout=torch.sparse_csr)
    for name in ("to_sparse", "to_sparse_csr", "to_sparse_csc"):
        yield lambda name=name: getattr(x, name)()
    yield lambda: x.to_sparse_bsr([2, 3])
    yield lambda: x.to_sparse_bsc([2, 3])
    yield lambda: x.to_mkldnn()
    for each in (coo, csr):
        for name in ("to_dense", "values", "dense_dim", "sparse_dim"):
            yield lambda each=each, name=name: getattr(each, name)()
        yield lambda each=each: torch.mm(each, y)
        yield lambda each=each: each * 2
        yield lambda each=each: torch.neg(each)
        yield lambda each=each: torch.sum(each)
    for name in ("indices", "coalesce", "is_coalesced"):
        yield lambda name=name: getattr(coo, name)()
    yield lambda: csr.crow_indices()
    yield lambda: csr.col_indices()
    yield lambda: csc.ccol_indices()
    yield lambda: csc.row_indices()
    yield lambda: x.sparse_mask(coo)
    yield lambda: torch.sparse.addmm(torch.randn(4, 3), coo, y)
    yield lambda: torch.smm(coo, y)
    yield lambda: torch.hspmm(coo, y)
    yield lambda: torch.sspaddmm(torch.randn(4, 3).relu().to_sparse(), coo, y)
    yield lambda: torch.sparse.sampled_addmm(square.to_sparse_csr(), torch.randn(4, 5), torch.randn(5, 4))
    yield lambda: torch.ops.aten.resize_as_sparse_.default(torch.zeros(2, 2).to_sparse(), coo)
    yield lambda: torch.zeros(2, 2).to_sparse().sparse_resize_([4, 6], 2, 0)
    yield lambda: coo.clone().sparse_resize_and_clear_([3, 3], 2, 0)
    yield lambda: torch.ops.aten.copy_sparse_to_sparse_.default(torch.zeros(4, 6).to_sparse(), coo)


ALL = [sparse]
