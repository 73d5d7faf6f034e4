"""Apache Parquet: a column of fixed-size lists for each array; the header is the file's metadata `recall_tasks`."""

from __future__ import annotations

import importlib.util
from typing import BinaryIO

from .contents import Arrays, Contents, Damaged

MAGIC = b"PAR1"
KEY = "recall_tasks"


def require() -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise ModuleNotFoundError("parquet needs pyarrow: pip install 'recall-tasks[parquet]'", name="pyarrow")


def write(file: BinaryIO, contents: Contents) -> None:
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    widths = {name: width for name, (_, width) in contents.shapes.items()}
    schema = pyarrow.schema([(name, pyarrow.list_(pyarrow.int32(), width)) for name, width in widths.items()])
    # Every setting that says what is written is said here: defaults have changed between versions.
    with ParquetWriter(
        file, schema, version="2.6", data_page_version="1.0", compression="zstd", compression_level=3,
        use_dictionary=True, write_statistics=False, store_schema=True, write_batch_size=1024,
        data_page_size=2**20, dictionary_pagesize_limit=2**20,
    ) as writer:  # fmt: skip
        for chunk in contents:
            columns = [
                pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(array.ravel()), array.shape[1])
                for array in chunk.values()
            ]
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))
        writer.add_key_value_metadata({KEY: contents.header})


def read(file: BinaryIO) -> tuple[str, Arrays]:
    from pyarrow.parquet import ParquetFile

    try:
        parquet = ParquetFile(file)
        header = parquet.metadata.metadata[KEY.encode()].decode()
        table = parquet.read(use_threads=False)
        arrays = {
            name: column.combine_chunks().flatten().to_numpy().reshape(len(table), -1).copy()
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    except Exception as error:  # pyarrow has errors of its own, and decoding can raise nearly anything
        raise Damaged(" ".join(str(error).split())) from None
    if any(array.dtype != "<i4" for array in arrays.values()):
        raise Damaged("its columns are of other types")
    return header, arrays
