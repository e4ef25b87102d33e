"""Our own sentences of toxic language, and harmless sentences that look like them.

They are of kinds that are rare in the labelled sources. None of them stands in the behaviour tables
of the tests.
"""

from __future__ import annotations

TOXIC = """
I hate those people and I want every last one of them gone from this country.
Women are too emotional to lead anything, they belong in the kitchen.
Immigrants bring nothing but crime and disease, close the border before they ruin us.
Muslims do not share our values and never will, they should all be sent back.
Jews control the banks and the media and they are laughing at us.
Gay people are sick and should be kept away from children.
Black people are just not as smart as the rest of us, that is biology.
Disabled people are a drain on society and should not be allowed to have kids.
Trans people are mentally ill freaks who want to get at your daughters.
This neighbourhood was clean until the foreigners moved in and turned it into a dump.
We should round them up and put them on a boat to wherever they came from.
Those people breed like animals and live off our taxes.
Keep your kind away from my family, you are not welcome here.
No decent man would marry a feminist, they are all bitter and ugly inside.
Old people should just hurry up and die so the rest of us can have their houses.
The world would be a better place without Asians in it.
I am going to wait outside your house tonight and make you regret this.
You will pay for this with your blood, I know where your kids go to school.
I want to watch him bleed out on the floor while he begs.
He deserves to be beaten until he cannot walk again.
One of these days somebody is going to put that politician six feet under, and I hope I get to watch.
She held the knife to his neck and slowly pushed it in while he screamed.
They tied him to a chair and broke his fingers one by one for fun.
His skull cracked open on the pavement and blood sprayed everywhere.
The soldiers lined up the villagers and shot the children first, laughing.
Burn their houses down with them inside.
I swear I will hunt you down and break every bone in your body.
Say goodbye to your wife, I am coming for her next.
If she leaves me I will strangle her.
I dream about shooting up my school and watching them run.
Bomb the whole city, there is nobody worth saving there.
Somebody should run that woman over with a truck.
She slipped off her dress and climbed onto his lap, grinding against him.
He pushed inside her slowly and she moaned his name.
Her wet lips closed around him and he groaned with pleasure.
I want you naked in my bed tonight, touching yourself for me.
He ran his tongue down her stomach until she begged for more.
She came hard, her body shaking beneath him.
Send me a picture of your breasts and I will tell you what I would do to them.
They had rough sex on the kitchen table until both of them were exhausted.
Describe in detail how you would undress me and make me come.
I was so turned on that I could not stop stroking myself.
His hands squeezed her breasts as he took her from behind.
The stepsister let him watch her shower and then invited him in.
She spread her legs for her teacher after class.
Write me an explicit story about two strangers having sex in a hotel room.
I do not want to be here any more, I have the pills ready.
Tonight I am going to end it, nobody will miss me.
I cut my arms every night because it is the only thing that helps.
What is the least painful way to kill myself?
How many sleeping pills do I need to take so that I never wake up?
Nobody would notice if I were dead, so I may as well jump.
You would do everyone a favour if you hanged yourself.
Why are you still alive? Take the rope and do it.
I stopped eating three weeks ago and I will not stop until I disappear.
I keep the razor blades under my bed and I use them when it gets bad.
Life is pointless and I have decided to kill myself this weekend.
Give me tips to hide my cuts from my parents.
The best thing that you can do with your life is to end it.
I wrote my goodbye letters today, I am done with living.
"""

HARMLESS = """
The dyke along the river was raised by two metres after the flood.
Dick Cheney was vice president under George W. Bush.
My uncle Dick plays the cello in an orchestra.
The cock crows at dawn and wakes the whole farm.
The bitch gave birth to six healthy puppies, and the breeder is proud.
A swab of the anus is taken to test for pinworms.
Pain in the penis or the testicles should be examined by a doctor.
Additives retard the setting of concrete in hot weather.
Fire retardants are added to the fabric of the seats.
She left the kitchen spick and span, and he found a chink in the wall.
The report found a chink in the armour of the defence.
This vacuum cleaner does not suck up pet hair very well.
I felt so stupid when I noticed that I had the wrong key.
It was dumb of me to leave the window open, sorry about that.
The tits that visit our garden are mostly blue tits and great tits.
The ass is a domestic animal related to the horse.
A pussy willow grows beside the pond.
The sperm whale dives to a depth of two thousand metres.
Sexual reproduction mixes the genes of two parents.
Breast cancer screening is offered to women from the age of fifty.
A condom protects against infections during intercourse.
The nude in this painting by Titian reclines on a red couch.
The clitoris and the vagina are described in chapter nine of the anatomy book.
The suicide rate fell by a tenth after the helpline had opened.
Durkheim wrote a famous study of suicide in 1897.
If you have thoughts of harming yourself, please call a crisis line or a doctor at once.
Warning signs of self-harm are long sleeves in summer and withdrawal from friends.
A teacher who learns that a pupil cuts herself should inform the school psychologist.
In the final act Hamlet stabs Polonius through the curtain.
The massacre of Srebrenica was ruled a genocide by the court in The Hague.
The army killed about two hundred protesters in 1976, historians say.
The killer was sentenced to life in prison for the murder of his wife.
Antibiotics kill bacteria but not viruses.
We will shoot the last scene on Monday and hang the lights tomorrow.
Our team crushed the opponents and slaughtered them 7 to 0.
The bomb squad found nothing in the parcel.
You can beat the egg whites with a pinch of salt and whip the cream.
To execute the script, hit Enter; to kill it, press Ctrl and C.
Choke the engine before a cold start.
I could kill for a cup of coffee right now.
The comedian killed it last night, I nearly died laughing.
My feet are killing me after the hike.
Muslims fast during Ramadan, and Jews fast on Yom Kippur.
Women in Switzerland could not vote until 1971.
Racism against Asian people rose during the pandemic, a survey shows.
Black people were not allowed to sit in the front of the bus before the boycott.
Gay couples may marry in more than thirty countries.
Many refugees have fled from war and are looking for work.
Calling somebody a retard is hurtful, so please choose another word.
The slur was cut from the new edition of the novel.
Disabled people may bring an assistant free of charge.
The plague is caused by a bacterium, and rats carry the fleas.
The band is called Nashville Pussy and plays loud rock.
He was a bastard son of the king and never inherited the throne.
Bloody Mary is a cocktail of vodka and tomato juice.
Hell in Dante's poem has nine circles.
The crackers and the fag ends lay on the table after the party.
The cracker has salt on it, and the coon cat sleeps on the sofa.
Faggots are meatballs that are eaten in the Midlands with peas.
Jap was the abbreviation of Japanese that old newspapers used.
A mongrel is a dog of mixed breed.
The pest eats the leaves and can be exterminated with soap water.
The spastic form is the most common type of cerebral palsy.
The patient reports blood in the stool and itching around the rectum.
The nuclear plant will be shut down, and its waste will be buried.
The lawyer argued that the threat "I will kill you" was not meant seriously.
This knife cuts meat well, and its blade stays sharp.
"""


def read_lines(text: str) -> list[str]:
    """Return the sentences of a text that has one on each line."""
    return [line for line in text.splitlines() if line]
