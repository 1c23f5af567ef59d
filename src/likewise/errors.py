"""Every error Likewise raises, on one screen.

Each class has a stable ``code`` (also sent over HTTP) and an ``exit_status`` for
the command line: 1 unexpected, 2 the call was wrong, 3 the data or the directory
was wrong, 4 somebody else holds it, 5 the machine lacks something.

A message says what was expected, what came, where, and what to do.
"""

from __future__ import annotations


class LikewiseError(Exception):
    """The root: catch it to catch everything Likewise raises on purpose.

    Example:
        >>> import likewise as lw
        >>> try:
        ...     lw.metrics.resolve("haversine")
        ... except lw.LikewiseError as error:
        ...     print(error.code, error.exit_status, isinstance(error, ValueError))
        unknown_metric 2 True
    """

    code: str = "error"
    exit_status: int = 1


# -- the call was wrong -------------------------------------------------------------


class InvalidArgument(LikewiseError, ValueError):
    """An argument has the right type and an impossible value."""

    code, exit_status = "invalid_argument", 2


class InvalidType(LikewiseError, TypeError):
    """An argument or a value has a type that cannot be used here."""

    code, exit_status = "invalid_type", 2


class UnknownArgument(InvalidType):
    """A keyword that the function does not take; the message suggests the right one."""

    code = "unknown_argument"


class InvalidFilter(InvalidArgument):
    """A ``where`` that cannot be read; ``position`` counts characters from 0, if known."""

    code = "invalid_filter"

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class UnknownField(InvalidFilter):
    """A field that no row and no vector has; the message lists those there are."""

    code = "unknown_field"


class UnknownMetric(InvalidArgument):
    """A metric that is not in the registry, or that this index cannot use."""

    code = "unknown_metric"


class UnknownEncoder(InvalidArgument):
    """An encoder that is not in the registry."""

    code = "unknown_encoder"


class NotFitted(LikewiseError, ValueError, AttributeError):
    """``search`` came before ``fit``."""

    code, exit_status = "not_fitted", 2


class NotPositiveDefinite(InvalidArgument):
    """A kernel matrix with a negative eigenvalue, where a machine needs that there is none."""

    code = "not_positive_definite"


class NotConverged(LikewiseError, RuntimeError):
    """An iteration that ended before it was as near as asked; the message says how near."""

    code, exit_status = "not_converged", 2


class ScoringFailed(LikewiseError, RuntimeError):
    """A scoring function raised, or gave no finite number an item; ``spent`` counts its scores."""

    code, exit_status = "scoring_failed", 2

    def __init__(self, message: str, spent: int = 0, item: int | None = None) -> None:
        super().__init__(message)
        self.spent = spent
        self.item = item


# -- the data was wrong -------------------------------------------------------------


class InvalidRow(InvalidArgument):
    """A row lacks something it must bring, or brings what it must not."""

    code, exit_status = "invalid_row", 3


class InvalidVector(InvalidRow):
    """NaN, infinity, or a zero vector under cosine."""

    code = "invalid_vector"


class DimensionMismatch(InvalidVector):
    """A vector with another number of dimensions than the field or index has."""

    code = "dimension_mismatch"


class DuplicateId(InvalidRow):
    """An id that is already there, or twice in one batch."""

    code = "duplicate_id"


class InvalidMetadata(InvalidRow, TypeError):
    """Metadata that cannot be kept as it is."""

    code = "invalid_metadata"


class InvalidFile(InvalidRow):
    """A file to import that cannot be read; names the file and the line."""

    code = "invalid_file"


class DamagedFile(LikewiseError):
    """A file of an index that is cut short, overwritten or of an unknown format."""

    code, exit_status = "damaged_file", 3


# -- the collection was wrong -------------------------------------------------------


class CollectionError(LikewiseError):
    """Something about a collection's directory."""

    code, exit_status = "collection_error", 3


class CollectionNotFound(CollectionError, FileNotFoundError):
    """``open`` on what is missing."""

    code = "collection_not_found"


class CollectionExists(CollectionError, FileExistsError):
    """``create`` on what exists."""

    code = "collection_exists"


class NotACollection(CollectionError, ValueError):
    """A directory or file that holds no collection."""

    code = "not_a_collection"


class NewerFormat(CollectionError):
    """Written by a newer Likewise than this one."""

    code = "newer_format"


class CorruptCollection(CollectionError):
    """The database itself is damaged; the message names the remedy."""

    code = "corrupt_collection"


class EncoderMismatch(CollectionError, ValueError):
    """A field opened with another encoder than the one that filled it."""

    code = "encoder_mismatch"


class CollectionClosed(CollectionError, ValueError):
    """Used after ``close``."""

    code, exit_status = "collection_closed", 2


class ReadOnly(CollectionError):
    """A write to a collection opened with ``read_only=True``."""

    code, exit_status = "read_only", 2


class CollectionLocked(CollectionError):
    """Another process writes; ``pid`` is its process id, if it could be read."""

    code, exit_status = "collection_locked", 4

    def __init__(self, message: str, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


# -- the machine lacks something ----------------------------------------------------


class StorageFailed(CollectionError, OSError):
    """The disk is full or refuses to write; nothing of the batch was kept."""

    code, exit_status = "storage_failed", 5


class OverLimit(LikewiseError, MemoryError):
    """More memory or time than allowed; the message carries the plan."""

    code, exit_status = "over_limit", 5


class MissingExtra(LikewiseError, ImportError):
    """An optional dependency is not installed; the message has the install line."""

    code, exit_status = "missing_extra", 5


class CacheWarning(UserWarning):
    """A derived file was missing or damaged; the answer came from the database.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings():  # where an answer without an index is no use
        ...     warnings.simplefilter("error", CacheWarning)
    """
