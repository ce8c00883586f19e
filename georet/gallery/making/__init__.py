"""Making galleries: shards embedded by one or several processes, merging."""
