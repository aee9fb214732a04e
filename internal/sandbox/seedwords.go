package sandbox

// The words a community is made of.
var (
	nameBegins = []string{
		"Pixel", "Night", "Turbo", "Salty", "Lucky", "Frosty", "Crimson", "Silent", "Mighty", "Cosmic", "Rusty", "Velvet",
		"Quick", "Grumpy", "Solar", "Hidden", "Neon", "Electric", "Wandering", "Tiny", "Clever", "Misty", "Rogue", "Golden",
		"Spicy", "Lunar", "Iron", "Sleepy", "Noble", "Wild",
	}
	nameEnds = []string{
		"Fox", "Wizard", "Panda", "Sniper", "Goblin", "Otter", "Knight", "Raven", "Samurai", "Badger", "Falcon", "Gremlin",
		"Healer", "Tank", "Ranger", "Moth", "Pirate", "Comet", "Yeti", "Viper", "Lynx", "Baker", "Drifter", "Owl",
	}
	broadcasters = []string{
		"LinaPlays", "MarcoSpeedruns", "TheRealOtis", "KitsuneLive", "BaronVonClutch", "SofieStreams", "NorthernLag",
		"DadOfThree", "QuietStorm", "PixelPia", "AndreAfterDark", "RetroRuth", "CaptainCrit", "HannaHeadshot",
		"MidnightMods", "UncleAim", "JoJoJungle", "SpeedySven", "TildaTactics", "OneLifeOskar",
	}
	games = []string{
		"VALORANT", "League of Legends", "Minecraft", "Elden Ring", "Rocket League", "Counter-Strike 2", "Apex Legends",
		"Fortnite", "Dota 2", "Overwatch 2", "Baldur's Gate 3", "Hollow Knight", "Just Chatting", "Chess", "Street Fighter 6",
		"Super Mario 64", "Escape from Tarkov", "Dead by Daylight", "World of Warcraft", "Balatro",
	}
	titles = []string{
		"1v5 clutch in {game}", "{who} cannot believe this drop", "World's luckiest {game} moment", "The cat walks over the keyboard",
		"{who} breaks character for the first time", "New personal best in {game}!", "That timing… {game}", "Chat was right all along",
		"{who} and the chair incident", "Perfect parry, {game}", "How did that not kill him", "{who} reads the worst joke on stream",
		"0.1 seconds left on the clock", "The most honest apology in {game}", "Donation alert at the worst moment",
		"{who} finally beats the last boss", "Double kill through the smoke", "Wrong lobby, right moment",
	}
	remarks = []string{
		"I have watched this ten times.", "no way", "The reaction is what makes it.", "Can someone explain what happened?",
		"Classic {game}.", "That was pure luck and he knows it.", "Clip of the year already?", "the way chat exploded",
		"I was there live!", "Sound on for this one.", "Overrated, but still funny.", "This is why I play {game}.",
		"Best thing I've seen all week.", "He called it two minutes before.", "Mods are asleep", "What a save.",
		"The silence afterwards…", "Genuinely laughed out loud.", "Someone make this an emote", "Source? Full VOD anywhere?",
	}
	removalReasons    = []string{"spam", "harassment", "off topic", "personal information", "advertising"}
	submissionReasons = []string{
		"Funniest moment of the stream", "Insane play, deserves the front page", "First time this has been done in this game",
		"Wholesome moment with chat", "Everybody is talking about it", "Great teamwork",
	}
	rejectionReasons = []string{
		"Duplicate of a clip that is already on the site.", "The clip was deleted on Twitch.",
		"Shows personal information of a third person.", "Low quality: no sound and the picture freezes.",
		"Not a highlight: please choose the moment itself.", "Breaks the rules on harassment.", "Advertising.",
	}
	tags        = []string{"funny", "clutch", "fail", "speedrun", "wholesome", "rage", "glitch", "tutorial", "irl", "esports"}
	slugBegins  = []string{"Brave", "Cheerful", "Delightful", "Elegant", "Famous", "Gentle", "Happy", "Incredible", "Jolly", "Kind", "Lively", "Modern"}
	slugMiddles = []string{"Amber", "Bouncing", "Curious", "Dapper", "Early", "Flying", "Green", "Hungry", "Icy", "Jumping"}
	slugEnds    = []string{"KappaPride", "PogChamp", "Walrus", "Noodle", "Cheese", "Tiger", "Pancake", "Mango", "Dolphin", "Kitten", "Biscuit"}
)
