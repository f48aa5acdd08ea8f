package shop

var english = words{
	titles: [3][]string{
		{"Disappointed", "Never again", "Not what I paid for", "Avoid", "Two stars at best"},
		{"Good, but", "Mixed feelings", "Could be better", "It is okay"},
		{"Very happy", "Exactly right", "Would buy again", "Great", "Highly recommended"},
	},
	good: [aspectCount][]string{
		{"The quality is excellent.", "Works perfectly and feels solid.", "Even nicer than in the pictures.", "I use it every day and love it."},
		{"Great value for the money.", "Cheaper than anywhere else I looked."},
		{"It arrived a day early.", "Delivery was fast and on time.", "The driver was friendly and on time."},
		{"Carefully packed, no plastic.", "The packaging was neat and safe."},
		{"Customer service answered within an hour.", "They helped me quickly and kindly."},
		{"The return was easy and the refund came in two days.", "Exchanging the size was no problem at all."},
		{"Ordering took me two minutes.", "The website is clear and quick."},
	},
	bad: [aspectCount][]string{
		{"It stopped working after two days.", "The quality is poor, it broke the first time I used it.", "Doesn't look at all like the photos.", "It arrived defective."},
		{"Far too expensive for what it is.", "I found it for half the price a day later."},
		{"It came more than a week late.", "The parcel was late and nobody told me.", "The tracking said \"delivered\" but there was nothing.", "The courier never rang the bell."},
		{"The box was crushed and the content damaged.", "Badly packed, of course it was scratched."},
		{"Nobody answers my emails.", "I called three times and nobody could help.", "Customer service was rude."},
		{"I am still waiting for my refund.", "Sending it back costs more than it is worth."},
		{"The checkout kept failing.", "The website lost my cart twice."},
	},
	before: []string{"It still hasn't arrived, where is my order?", "I am still waiting for my parcel.", "Promised for last week and still nothing."},
	edit:   []string{"Update:", "Edit after a few days:", "Update, because they contacted me:"},
	replies: [3][]string{
		{"Thank you for telling us. We are sorry that it did not go as it should.", "Thanks for your feedback, we have passed it on to the team."},
		{"We are very sorry. Our customer care will contact you within two days.", "That should not have happened. We will call you back."},
		{"As agreed with you, this is settled now. Thank you for your patience.", "We have found a solution together. Thank you."},
	},
	names: []string{"Olivia", "George", "Amelia", "Harry", "Isla", "Jack", "Grace", "Oscar", "Freya", "Liam", "Sophie", "Noah"},
}
