"""What a run writes about itself: report, learning curves, history."""
