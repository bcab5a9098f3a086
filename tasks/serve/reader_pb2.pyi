from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Name(_message.Message):
    __slots__ = ("tenant", "key")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    key: str
    def __init__(self, tenant: _Optional[str] = ..., key: _Optional[str] = ...) -> None: ...

class OpenRequest(_message.Message):
    __slots__ = ("name", "create")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATE_FIELD_NUMBER: _ClassVar[int]
    name: Name
    create: bool
    def __init__(self, name: _Optional[_Union[Name, _Mapping]] = ..., create: _Optional[bool] = ...) -> None: ...

class State(_message.Message):
    __slots__ = ("tokens", "chars", "saved", "bytes", "text_crc", "ids_crc", "number")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    CHARS_FIELD_NUMBER: _ClassVar[int]
    SAVED_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    TEXT_CRC_FIELD_NUMBER: _ClassVar[int]
    IDS_CRC_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    tokens: int
    chars: int
    saved: int
    bytes: int
    text_crc: int
    ids_crc: int
    number: int
    def __init__(self, tokens: _Optional[int] = ..., chars: _Optional[int] = ..., saved: _Optional[int] = ..., bytes: _Optional[int] = ..., text_crc: _Optional[int] = ..., ids_crc: _Optional[int] = ..., number: _Optional[int] = ...) -> None: ...

class TokenIds(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, ids: _Optional[_Iterable[int]] = ...) -> None: ...

class ReadRequest(_message.Message):
    __slots__ = ("name", "at_tokens", "text", "ids")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    name: Name
    at_tokens: int
    text: str
    ids: TokenIds
    def __init__(self, name: _Optional[_Union[Name, _Mapping]] = ..., at_tokens: _Optional[int] = ..., text: _Optional[str] = ..., ids: _Optional[_Union[TokenIds, _Mapping]] = ...) -> None: ...

class Taken(_message.Message):
    __slots__ = ("tokens", "state", "seconds")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    tokens: int
    state: State
    seconds: float
    def __init__(self, tokens: _Optional[int] = ..., state: _Optional[_Union[State, _Mapping]] = ..., seconds: _Optional[float] = ...) -> None: ...

class RetrieveRequest(_message.Message):
    __slots__ = ("name", "question", "blocks")
    NAME_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    name: Name
    question: str
    blocks: int
    def __init__(self, name: _Optional[_Union[Name, _Mapping]] = ..., question: _Optional[str] = ..., blocks: _Optional[int] = ...) -> None: ...

class Cited(_message.Message):
    __slots__ = ("token_start", "token_end", "char_start", "char_end", "text", "score")
    TOKEN_START_FIELD_NUMBER: _ClassVar[int]
    TOKEN_END_FIELD_NUMBER: _ClassVar[int]
    CHAR_START_FIELD_NUMBER: _ClassVar[int]
    CHAR_END_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    token_start: int
    token_end: int
    char_start: int
    char_end: int
    text: str
    score: float
    def __init__(self, token_start: _Optional[int] = ..., token_end: _Optional[int] = ..., char_start: _Optional[int] = ..., char_end: _Optional[int] = ..., text: _Optional[str] = ..., score: _Optional[float] = ...) -> None: ...

class Retrieved(_message.Message):
    __slots__ = ("blocks", "seconds")
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    blocks: _containers.RepeatedCompositeFieldContainer[Cited]
    seconds: float
    def __init__(self, blocks: _Optional[_Iterable[_Union[Cited, _Mapping]]] = ..., seconds: _Optional[float] = ...) -> None: ...

class AskRequest(_message.Message):
    __slots__ = ("name", "question", "new_tokens")
    NAME_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    NEW_TOKENS_FIELD_NUMBER: _ClassVar[int]
    name: Name
    question: str
    new_tokens: int
    def __init__(self, name: _Optional[_Union[Name, _Mapping]] = ..., question: _Optional[str] = ..., new_tokens: _Optional[int] = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ("citations", "tokens", "ended", "seconds", "first_s")
    CITATIONS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    FIRST_S_FIELD_NUMBER: _ClassVar[int]
    citations: _containers.RepeatedCompositeFieldContainer[Cited]
    tokens: int
    ended: bool
    seconds: float
    first_s: float
    def __init__(self, citations: _Optional[_Iterable[_Union[Cited, _Mapping]]] = ..., tokens: _Optional[int] = ..., ended: _Optional[bool] = ..., seconds: _Optional[float] = ..., first_s: _Optional[float] = ...) -> None: ...

class AskReply(_message.Message):
    __slots__ = ("text", "done")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    text: str
    done: Done
    def __init__(self, text: _Optional[str] = ..., done: _Optional[_Union[Done, _Mapping]] = ...) -> None: ...

class ScoreRequest(_message.Message):
    __slots__ = ("name", "text", "retrieve")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    RETRIEVE_FIELD_NUMBER: _ClassVar[int]
    name: Name
    text: str
    retrieve: bool
    def __init__(self, name: _Optional[_Union[Name, _Mapping]] = ..., text: _Optional[str] = ..., retrieve: _Optional[bool] = ...) -> None: ...

class Scored(_message.Message):
    __slots__ = ("nats", "tokens")
    NATS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    nats: float
    tokens: int
    def __init__(self, nats: _Optional[float] = ..., tokens: _Optional[int] = ...) -> None: ...

class SaveRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: Name
    def __init__(self, name: _Optional[_Union[Name, _Mapping]] = ...) -> None: ...

class CloseRequest(_message.Message):
    __slots__ = ("name", "forget")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FORGET_FIELD_NUMBER: _ClassVar[int]
    name: Name
    forget: bool
    def __init__(self, name: _Optional[_Union[Name, _Mapping]] = ..., forget: _Optional[bool] = ...) -> None: ...

class Closed(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatsReply(_message.Message):
    __slots__ = ("node", "model", "contexts", "bytes", "budget_bytes", "questions_queued", "reads_queued", "answering", "answered", "refused", "failed", "tokens_read", "tokens_written", "seconds")
    NODE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CONTEXTS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    BUDGET_BYTES_FIELD_NUMBER: _ClassVar[int]
    QUESTIONS_QUEUED_FIELD_NUMBER: _ClassVar[int]
    READS_QUEUED_FIELD_NUMBER: _ClassVar[int]
    ANSWERING_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    TOKENS_READ_FIELD_NUMBER: _ClassVar[int]
    TOKENS_WRITTEN_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    node: str
    model: str
    contexts: int
    bytes: int
    budget_bytes: int
    questions_queued: int
    reads_queued: int
    answering: int
    answered: int
    refused: int
    failed: int
    tokens_read: int
    tokens_written: int
    seconds: float
    def __init__(self, node: _Optional[str] = ..., model: _Optional[str] = ..., contexts: _Optional[int] = ..., bytes: _Optional[int] = ..., budget_bytes: _Optional[int] = ..., questions_queued: _Optional[int] = ..., reads_queued: _Optional[int] = ..., answering: _Optional[int] = ..., answered: _Optional[int] = ..., refused: _Optional[int] = ..., failed: _Optional[int] = ..., tokens_read: _Optional[int] = ..., tokens_written: _Optional[int] = ..., seconds: _Optional[float] = ...) -> None: ...
