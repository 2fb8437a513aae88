"""Drain, which finds the templates of log lines, kept within bounds whatever the lines are.

drain3 forgets the least recently seen templates, but keeps their branches of its search tree, and looks at
every template of a branch. Both grow with hostile lines, so here the tree is grown anew now and then, and in
a crowded branch lines join the nearest of its newest templates instead of making ever more.
"""

import re
from collections.abc import Collection, Iterable, Sequence

from drain3.drain import Drain, LogCluster

WILD = "<*>"
MASK = "<#>"
"""Stands for a word with digits in it: numbers, addresses, ids. Not `WILD`, which is like nothing."""
MAX_CHARS = 1_000
MAX_WORDS = 40
"""So much of a line tells its pattern; Drain's cost grows with the words."""
MAX_BRANCH = 48
"""Templates of a branch that a line is held against: 48 of ten words take about 60 µs."""
SIMILARITY = 0.5
"""Share of equal words that makes two lines of one pattern. Drain's papers use 0.4 to 0.6."""
DEPTH = 5
"""Two words, the program and the first of its message, tell branches apart."""
MAX_CHILDREN = 1_000
"""Programs, and first words of one program, that are told apart."""

# A word starts after a separator, so that each is looked at once: linear in the line.
_SEPARATORS = r"\s=:,;()\[\]{}\"'|<>"
_DIGITS = re.compile(rf"(?<![^{_SEPARATORS}])[^{_SEPARATORS}\d]*+\d[^{_SEPARATORS}]*+")


def masked(line: str) -> str:
    """A line with every word that holds a digit replaced, cut to what tells its pattern."""
    words = _DIGITS.sub(MASK, line[:MAX_CHARS]).split(None, MAX_WORDS)
    return " ".join(words[:MAX_WORDS])


class Templates(Drain):
    """The templates seen most recently, at most `size` of them."""

    def __init__(self, size: int) -> None:
        """Nothing is known yet."""
        super().__init__(
            depth=DEPTH,
            sim_th=SIMILARITY,
            max_children=MAX_CHILDREN,
            max_clusters=size,
            param_str=WILD,
            parametrize_numeric_tokens=False,  # `masked` has done so, and left the kind its event id
        )
        self._size = size
        self._grown = 0

    def add(self, line: str) -> tuple[LogCluster, bool]:
        """The template of a masked line, and whether the line has made it."""
        cluster, change = self.add_log_message(line)
        made = change == "cluster_created"
        if made:
            self._grown += 1
            if self._grown > self._size:
                self._grow_anew()
        return cluster, made

    def put_back(self, clusters: Iterable[tuple[int, str, int]]) -> None:
        """Take up templates of an earlier run: id, text and lines, least recently seen first."""
        for number, text, size in clusters:
            cluster = LogCluster(text.split(), number)
            cluster.size = size
            self.id_to_cluster[number] = cluster
            self.clusters_counter = max(self.clusters_counter, number)
            self.add_seq_to_prefix_tree(self.root_node, cluster)

    def known(self) -> list[tuple[int, str, int]]:
        """Every template, as `put_back` takes them."""
        return [(one.cluster_id, one.get_template(), one.size) for one in self._alive()]

    def fast_match(
        self, cluster_ids: Collection[int], tokens: Sequence[str], sim_th: float, include_params: bool
    ) -> LogCluster | None:
        """See `Drain.fast_match`; of a crowded branch only the newest, the nearest of which fits."""
        if len(cluster_ids) > MAX_BRANCH:
            cluster_ids, sim_th = list(cluster_ids)[-MAX_BRANCH:], 0.0
        return super().fast_match(cluster_ids, tokens, sim_th, include_params)

    def _alive(self) -> list[LogCluster]:
        return [one for one in list(self.id_to_cluster.values()) if one is not None]

    def _grow_anew(self) -> None:
        """A search tree of the living templates alone."""
        self._grown = 0
        self.root_node = type(self.root_node)()
        for cluster in self._alive():
            self.add_seq_to_prefix_tree(self.root_node, cluster)
