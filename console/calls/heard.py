"""Which words of an interrupted turn the caller heard: from the vendor's report if there is one, else an estimate.

The relay knows to the millisecond how much of an utterance was played (`heard_ms`), but not which word was where in it.
So words are spread over time at the pace of this call's other turns, letter by letter.
"""

from dataclasses import dataclass

from common.documents import Document, number, objects, text

USUAL_MS_A_LETTER = 65.0
"""For 150 to 160 words a minute, with spaces; used if a call has no complete turn to measure."""
_FASTEST, _SLOWEST = 35.0, 120.0
_LEAST_LETTERS = 20


@dataclass(frozen=True, slots=True)
class HeardWords:
    """`heard` and `unheard`, in order.

    `by`: vendor (the full text is known), estimate, or empty for a complete turn.
    """

    heard: str
    unheard: str
    by: str


def pace(turns: list[Document]) -> float:
    """Milliseconds per letter in this call, from the agent's turns that were heard to their end."""
    whole = [
        (heard_ms, len(words))
        for turn in turns
        if text(turn, "speaker") == "agent" and not turn.get("interrupted")
        if (heard_ms := number(turn, "heard_ms")) and len(words := text(turn, "text")) >= _LEAST_LETTERS
    ]
    letters = sum(length for _, length in whole)
    if not letters:
        return USUAL_MS_A_LETTER
    return min(_SLOWEST, max(_FASTEST, sum(heard_ms for heard_ms, _ in whole) / letters))


def heard_words(turn: Document, ms_a_letter: float, meant: str = "") -> HeardWords:
    """`meant`: the full text that an interrupted agent was about to say, if the vendor reported it."""
    said = text(turn, "text")
    if text(turn, "speaker") != "agent" or not turn.get("interrupted"):
        return HeardWords(said, "", "")
    if meant and meant != said and meant.startswith(said.rstrip(". …-")):
        kept = len(said.rstrip(". …-"))
        return HeardWords(meant[:kept], meant[kept:].strip(), "vendor")
    heard_ms = number(turn, "heard_ms")
    if heard_ms is None:
        return HeardWords(said, "", "")
    words, letters = said.split(), 0
    count = 0
    for word in words:
        letters += len(word) + 1
        if letters * ms_a_letter > heard_ms + ms_a_letter * len(word) / 2:  # more than half of the word was heard
            break
        count += 1
    return HeardWords(" ".join(words[:count]), " ".join(words[count:]), "estimate")


def meant_by(results: list[Document]) -> dict[str, str]:
    """From raw post-call webhooks: the text of an interrupted turn → its full text."""
    return {
        text(turn, "message"): text(turn, "original_message")
        for result in results
        for turn in objects(result, "data", "transcript")
        if text(turn, "original_message")
    }
