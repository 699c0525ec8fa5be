"""What each kind of exercise looks at: a function, a module, an optimizer, a training loop, a loader of batches."""
