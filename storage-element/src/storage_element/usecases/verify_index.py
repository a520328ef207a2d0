"""Compare what the store holds with what the database says, and change neither."""

from collections.abc import AsyncIterator

from artstore_kit.logging import get_logger
from storage_element.blobs.store import BlobStore
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Journal
from storage_element.domain.maintenance import Finding, Run, Step
from storage_element.usecases.compare_index import compare, problem_at

logger = get_logger(__name__)


async def verify_index(
    run: Run, *, blobs: BlobStore, journal: Journal, files: Files, feed: Feed
) -> AsyncIterator[Step]:
    """List every file whose attributes, bytes' size and row do not agree."""
    run.total = (await feed.element()).files
    async for comparison in compare(after=run.position, blobs=blobs, files=files):
        findings = []
        for place in [*comparison.suspects, *(place for place, _ in comparison.unknown)]:
            problem = await problem_at(place, blobs=blobs, journal=journal, files=files)
            if problem is not None:
                logger.error("file_disagrees", place=place, problem=problem)
                findings.append(Finding(place, problem))
        counts: dict[str, int] = {}
        for finding in findings:
            counts[finding.problem] = counts.get(finding.problem, 0) + 1
        yield Step(comparison.position, comparison.places, counts, findings)
