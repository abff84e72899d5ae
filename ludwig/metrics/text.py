"""Statistics of generated texts, by the packages of the field (extra `text-metrics`).

N = rows
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Texts = Sequence[str]


def text_statistics(found: Texts, wanted: Texts) -> dict[str, float]:
    """BLEU and chrF (sacrebleu), ROUGE (rouge-score), word and character error rate (jiwer) of N texts.

    Rows whose wanted text is empty do not count. A package that is not installed leaves its statistics out.
    """
    kept = [(one, other) for one, other in zip(found, wanted, strict=True) if other.strip()]
    if not kept:
        return {}
    pairs = [one for one, _ in kept], [other for _, other in kept]
    statistics: dict[str, float] = {}
    for scorer in SCORERS:
        try:
            statistics |= scorer(*pairs)
        except ImportError:
            continue
    return statistics


def _overlap(found: Texts, wanted: Texts) -> dict[str, float]:
    """From 0 to 100. Source: Post 2018, "A Call for Clarity in Reporting BLEU Scores"; Popovic 2015, "chrF"."""
    import sacrebleu

    references = [list(wanted)]
    return {
        "bleu": float(sacrebleu.corpus_bleu(list(found), references).score),
        "chrf": float(sacrebleu.corpus_chrf(list(found), references).score),
    }


def _rouge(found: Texts, wanted: Texts) -> dict[str, float]:
    """The mean F-measure over the rows, from 0 to 1. Source: Lin 2004, "ROUGE"."""
    from rouge_score.rouge_scorer import RougeScorer

    names = ("rouge1", "rouge2", "rougeL")
    scorer = RougeScorer(list(names), use_stemmer=False)
    scores = [scorer.score(other, one) for one, other in zip(found, wanted, strict=True)]
    return {name: sum(score[name].fmeasure for score in scores) / len(scores) for name in names}


def _error_rates(found: Texts, wanted: Texts) -> dict[str, float]:
    """Edits for each word and each character of the wanted texts; they may exceed 1."""
    import jiwer

    return {"wer": float(jiwer.wer(list(wanted), list(found))), "cer": float(jiwer.cer(list(wanted), list(found)))}


SCORERS: tuple[Callable[[Texts, Texts], dict[str, float]], ...] = (_overlap, _rouge, _error_rates)
