"""Each person is told what concerns them: in the app, by e-mail, by SMS."""
